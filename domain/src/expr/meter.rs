//! Metering of an expression: the evaluator has no hooks, so the syntax tree is rewritten to contain them.
//!
//! Every operand and argument of a call is passed to a function of [`super::metered`], which charges the
//! budget for what the call reads or creates, and fails once the budget is spent. So are the elements of lists
//! and maps, the values that a loop computes, and the range of a loop, which is also charged for the static
//! cost of its iterations. Functions whose cost depends on several arguments are replaced, and so are operators
//! on numbers.
//!
//! The shape `@result + […]` of `map` and `filter` is left unchanged: the evaluator runs it in linear time.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, MapEntryExpr, SelectExpr,
    operators,
};

use super::metered::{BUDGET, COPY, KEY, PARSE, RANGE, READ, SIZE, replacement};
use super::{numbers, static_cost};

/// Functions and operators whose result is as large as their operands.
const COPYING: &[&str] = &[
    operators::ADD,
    "base64.decode",
    "base64.encode",
    "bytes",
    "lowerAscii",
    "string",
    "substring",
    "trim",
    "upperAscii",
];
/// Functions that parse a text.
const PARSING: &[&str] = &["bool", "double", "duration", "int", "timestamp", "uint"];
/// Operators that read nothing but booleans. Their operands are evaluated only if they are needed.
const LOGICAL: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NOT_STRICTLY_FALSE,
];

/// Returns the expression with charges inserted.
pub(super) fn meter(node: IdedExpr) -> IdedExpr {
    let IdedExpr { id, expr } = node;
    let expr = match expr {
        Expr::Call(call) => Expr::Call(meter_call(call)),
        Expr::Comprehension(comprehension) => {
            Expr::Comprehension(Box::new(meter_comprehension(*comprehension)))
        }
        Expr::Select(select) => {
            Expr::Select(SelectExpr { operand: Box::new(meter(*select.operand)), ..select })
        }
        Expr::List(mut list) => {
            list.elements = list.elements.into_iter().map(|element| charged(COPY, element)).collect();
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

fn meter_call(call: CallExpr) -> CallExpr {
    let CallExpr { func_name, target, args } = call;
    if let Some(metered) = replacement(&func_name) {
        let target = target.map(|target| *target);
        let args = [budget()].into_iter().chain(target.into_iter().chain(args).map(meter)).collect();
        return CallExpr { func_name: metered.to_owned(), target: None, args };
    }
    if func_name == operators::INDEX {
        let mut args = args.into_iter();
        let operand = args.next().map(meter);
        let args = operand.into_iter().chain(args.map(|key| charged(KEY, key))).collect();
        return CallExpr { func_name, target, args };
    }
    let meter_operand = |operand| match func_name.as_str() {
        name if LOGICAL.contains(&name) => meter(operand),
        "size" => charged(SIZE, operand),
        name if COPYING.contains(&name) => charged(COPY, operand),
        name if PARSING.contains(&name) => charged(PARSE, operand),
        _ => charged(READ, operand),
    };
    let args = args.into_iter().map(meter_operand).collect();
    // The target of `math.abs(x)` is a namespace, which must remain a name.
    let target = target.map(|target| match &target.expr {
        Expr::Ident(name) if super::functions::NAMESPACES.contains(&name.as_str()) => target,
        _ => Box::new(meter_operand(*target)),
    });
    let replaced = numbers::replacement(&func_name).map(str::to_owned);
    CallExpr { func_name: replaced.unwrap_or(func_name), target, args }
}

fn meter_entry(entry: IdedEntryExpr) -> IdedEntryExpr {
    let expr = match entry.expr {
        EntryExpr::MapEntry(MapEntryExpr { key, value, optional }) => EntryExpr::MapEntry(MapEntryExpr {
            key: charged(COPY, key),
            value: charged(COPY, value),
            optional,
        }),
        field @ EntryExpr::StructField(_) => field,
    };
    IdedEntryExpr { id: entry.id, expr }
}

fn meter_comprehension(comprehension: ComprehensionExpr) -> ComprehensionExpr {
    let loop_step = meter_step(comprehension.loop_step, &comprehension.accu_var);
    let cost = static_cost::iteration_cost(&comprehension.loop_cond, &loop_step);
    let cost = Expr::Literal(LiteralValue::Int(i64::try_from(cost).unwrap_or(i64::MAX).into()));
    let args = vec![budget(), meter(comprehension.iter_range), IdedExpr { id: 0, expr: cost }];
    ComprehensionExpr { iter_range: call(RANGE, args), loop_step, ..comprehension }
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
            list.elements = list.elements.into_iter().map(|element| charged(COPY, element)).collect();
            IdedExpr { id: node.id, expr: Expr::List(list) }
        }
        Expr::Ident(name) if name == accumulator => IdedExpr { id: node.id, expr: Expr::Ident(name) },
        expr => charged(READ, IdedExpr { id: node.id, expr }),
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

/// Meters the expression and passes its value to a function that charges for it.
fn charged(function: &str, node: IdedExpr) -> IdedExpr {
    match node.expr {
        // The static cost of an expression includes its literals; only an index must not be a fraction.
        Expr::Literal(ref literal) if function != KEY || !matches!(literal, LiteralValue::Double(_)) => node,
        _ => call(function, vec![budget(), meter(node)]),
    }
}

fn budget() -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Ident(BUDGET.to_owned()) }
}

fn call(function: &str, args: Vec<IdedExpr>) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Call(CallExpr { func_name: function.to_owned(), target: None, args }) }
}
