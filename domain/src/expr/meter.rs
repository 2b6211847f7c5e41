//! Metering of an expression: the evaluator has no hooks, so the syntax tree is rewritten to contain them.
//!
//! Every value that is about to be copied is passed to the function `@charge`, which charges the budget for
//! it and fails once the budget is spent: the range of every loop and the value that it computes for each
//! element, the elements of lists and maps, and the result of every concatenation. Ranges are passed to
//! `@chargeRange`, which also sorts the keys of maps.
//!
//! The shape `@result + […]` of `map` and `filter` is left unchanged: the evaluator runs it in linear time.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, MapEntryExpr, SelectExpr, operators,
};

use super::functions::{BUDGET, CHARGE, CHARGE_RANGE};

/// Returns the expression with charges inserted.
pub(super) fn meter(node: IdedExpr) -> IdedExpr {
    let IdedExpr { id, expr } = node;
    let expr = match expr {
        Expr::Call(call) => return meter_call(id, call),
        Expr::Comprehension(comprehension) => {
            Expr::Comprehension(Box::new(meter_comprehension(*comprehension)))
        }
        Expr::Select(select) => {
            Expr::Select(SelectExpr { operand: Box::new(meter(*select.operand)), ..select })
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(meter_and_charge).collect();
            Expr::List(list)
        }
        Expr::Map(mut map) => {
            map.entries = map.entries.into_iter().map(meter_entry).collect();
            Expr::Map(map)
        }
        leaf @ (Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_)) => leaf,
    };
    IdedExpr { id, expr }
}

fn meter_call(id: u64, call: CallExpr) -> IdedExpr {
    let concatenates = call.func_name == operators::ADD;
    let call = CallExpr {
        target: call.target.map(|target| Box::new(meter(*target))),
        args: call.args.into_iter().map(meter).collect(),
        func_name: call.func_name,
    };
    let metered = IdedExpr { id, expr: Expr::Call(call) };
    if concatenates { charge(CHARGE, metered) } else { metered }
}

fn meter_entry(entry: IdedEntryExpr) -> IdedEntryExpr {
    let expr = match entry.expr {
        EntryExpr::MapEntry(MapEntryExpr { key, value, optional }) => {
            EntryExpr::MapEntry(MapEntryExpr { key: meter(key), value: meter_and_charge(value), optional })
        }
        field @ EntryExpr::StructField(_) => field,
    };
    IdedEntryExpr { id: entry.id, expr }
}

fn meter_comprehension(comprehension: ComprehensionExpr) -> ComprehensionExpr {
    let accumulator = comprehension.accu_var.clone();
    ComprehensionExpr {
        iter_range: charge(CHARGE_RANGE, meter(comprehension.iter_range)),
        loop_step: meter_step(comprehension.loop_step, &accumulator),
        ..comprehension
    }
}

/// Meters the value that a loop computes for each element, but not the operations that accumulate it:
/// descends into calls as long as they mention the accumulator.
fn meter_step(node: IdedExpr, accumulator: &str) -> IdedExpr {
    match node.expr {
        Expr::Call(call) if call.args.iter().any(|arg| mentions(arg, accumulator)) => {
            let args = call.args.into_iter().map(|arg| meter_step(arg, accumulator)).collect();
            IdedExpr { id: node.id, expr: Expr::Call(CallExpr { args, ..call }) }
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(meter_and_charge).collect();
            IdedExpr { id: node.id, expr: Expr::List(list) }
        }
        Expr::Ident(name) if name == accumulator => IdedExpr { id: node.id, expr: Expr::Ident(name) },
        expr => meter_and_charge(IdedExpr { id: node.id, expr }),
    }
}

/// Returns whether the macro's own operations use the accumulator here. Only calls and the name itself are
/// examined, since the accumulator of an inner comprehension has the same name.
fn mentions(node: &IdedExpr, accumulator: &str) -> bool {
    match &node.expr {
        Expr::Ident(name) => name == accumulator,
        Expr::Call(call) => call.args.iter().any(|arg| mentions(arg, accumulator)),
        _ => false,
    }
}

/// Meters the expression and charges for its value.
fn meter_and_charge(node: IdedExpr) -> IdedExpr {
    match node.expr {
        // A literal is never larger than the expression itself.
        Expr::Literal(_) => node,
        _ => charge(CHARGE, meter(node)),
    }
}

/// Returns the call `function(@budget, value)`.
fn charge(function: &str, value: IdedExpr) -> IdedExpr {
    let budget = IdedExpr { id: 0, expr: Expr::Ident(BUDGET.to_owned()) };
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![budget, value] };
    IdedExpr { id: 0, expr: Expr::Call(call) }
}
