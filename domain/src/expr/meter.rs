//! Meters an expression: the evaluator has no hooks, so the tree is rewritten to carry them.
//!
//! What is about to be copied goes through the function `@pay`, which charges for it and fails once the budget is
//! spent: the range of every loop and what it computes for each element, the elements of lists and maps, and the
//! result of every concatenation. Ranges go through `@range`, which also brings the keys of maps into an order.
//!
//! The shape `@result + […]` of `map` and `filter` is left alone: the evaluator runs it in linear time.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, MapEntryExpr, SelectExpr, operators,
};

use super::functions::{PAY, RANGE};

/// The same expression, metered.
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
            list.elements = list.elements.into_iter().map(paid).collect();
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
    if concatenates { function(PAY, metered) } else { metered }
}

fn meter_entry(entry: IdedEntryExpr) -> IdedEntryExpr {
    let expr = match entry.expr {
        EntryExpr::MapEntry(MapEntryExpr { key, value, optional }) => {
            EntryExpr::MapEntry(MapEntryExpr { key: meter(key), value: paid(value), optional })
        }
        field @ EntryExpr::StructField(_) => field,
    };
    IdedEntryExpr { id: entry.id, expr }
}

fn meter_comprehension(comprehension: ComprehensionExpr) -> ComprehensionExpr {
    let accumulator = comprehension.accu_var.clone();
    ComprehensionExpr {
        iter_range: function(RANGE, meter(comprehension.iter_range)),
        loop_step: meter_step(comprehension.loop_step, &accumulator),
        ..comprehension
    }
}

/// Meters what a loop computes, not how it accumulates: descends while the accumulator is in sight.
fn meter_step(node: IdedExpr, accumulator: &str) -> IdedExpr {
    match node.expr {
        Expr::Call(call) if call.args.iter().any(|arg| mentions(arg, accumulator)) => {
            let args = call.args.into_iter().map(|arg| meter_step(arg, accumulator)).collect();
            IdedExpr { id: node.id, expr: Expr::Call(CallExpr { args, ..call }) }
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(paid).collect();
            IdedExpr { id: node.id, expr: Expr::List(list) }
        }
        Expr::Ident(name) if name == accumulator => IdedExpr { id: node.id, expr: Expr::Ident(name) },
        expr => paid(IdedExpr { id: node.id, expr }),
    }
}

/// Whether the accumulator is used by how the macro accumulates: only calls and the name itself are looked at, since
/// an inner comprehension has an accumulator of the same name.
fn mentions(node: &IdedExpr, accumulator: &str) -> bool {
    match &node.expr {
        Expr::Ident(name) => name == accumulator,
        Expr::Call(call) => call.args.iter().any(|arg| mentions(arg, accumulator)),
        _ => false,
    }
}

/// Metered, and paid for.
fn paid(node: IdedExpr) -> IdedExpr {
    match node.expr {
        // A literal is as small as the expression.
        Expr::Literal(_) => node,
        _ => function(PAY, meter(node)),
    }
}

fn function(name: &str, argument: IdedExpr) -> IdedExpr {
    let call = CallExpr { func_name: name.to_owned(), target: None, args: vec![argument] };
    IdedExpr { id: 0, expr: Expr::Call(call) }
}
