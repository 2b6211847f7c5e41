//! Static cost of a metered expression: the cost of evaluating each of its nodes once, whatever the values
//! are. The static cost of a loop's body is charged for each iteration.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, LiteralValue};

use super::limits::{COPIED_BYTES_PER_UNIT, COPY_COST};

/// Cost of a call: it resolves the function by its name and the types of its arguments.
const CALL_COST: u64 = 4;
/// Cost of an iteration: the element is bound to a variable in a new scope.
const ITERATION_COST: u64 = 6;
/// Divisor of the cost of a path: the evaluator looks up each prefix of `a.b.c` in each scope, so it costs the
/// number of names times the length of the path.
const PATH_DIVISOR: usize = 16;
/// Cost of the lookup of a name, in bytes of a path.
const LOOKUP_BYTES: usize = 20;

/// Returns the cost of evaluating an expression once. Loops are counted without their iterations.
pub(super) fn estimate(root: &IdedExpr) -> u64 {
    let mut cost = 0_u64;
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        cost = cost.saturating_add(node_cost(node));
        match &node.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => {}
            Expr::Call(call) => pending.extend(call.target.as_deref().into_iter().chain(&call.args)),
            Expr::Comprehension(loops) => {
                pending.extend([&loops.iter_range, &loops.accu_init, &loops.result])
            }
            // The cost of a path includes the nodes of which it consists.
            Expr::Select(_) if path(node).is_some() => {}
            Expr::Select(select) => pending.push(&select.operand),
            Expr::List(list) => pending.extend(&list.elements),
            Expr::Map(map) => pending.extend(map.entries.iter().flat_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
                EntryExpr::StructField(field) => vec![&field.value],
            })),
        }
    }
    cost
}

/// Returns the cost of one iteration of a loop.
pub(super) fn iteration_cost(condition: &IdedExpr, step: &IdedExpr) -> u64 {
    ITERATION_COST.saturating_add(estimate(condition)).saturating_add(estimate(step))
}

fn node_cost(node: &IdedExpr) -> u64 {
    let bytes = match &node.expr {
        Expr::Call(_) => return CALL_COST,
        Expr::Comprehension(_) => return ITERATION_COST,
        Expr::Ident(_) | Expr::Select(_) => {
            let (names, bytes) = path(node).unwrap_or((1, 0));
            names.saturating_mul(bytes.saturating_add(LOOKUP_BYTES)) / PATH_DIVISOR
        }
        // A literal may be copied: into a list, or as the value of a loop.
        Expr::Literal(LiteralValue::String(text)) => text.inner().len() / COPIED_BYTES_PER_UNIT,
        Expr::Literal(LiteralValue::Bytes(bytes)) => bytes.inner().len() / COPIED_BYTES_PER_UNIT,
        Expr::List(list) => return copy_cost(list.elements.len()),
        Expr::Map(map) => return copy_cost(map.entries.len().saturating_mul(2)),
        Expr::Unspecified | Expr::Literal(_) | Expr::Struct(_) => 0,
    };
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1)
}

/// Returns the cost of a list or map with this number of values, which are copied into it.
fn copy_cost(values: usize) -> u64 {
    u64::try_from(values).unwrap_or(u64::MAX).saturating_add(2).saturating_mul(COPY_COST)
}

/// Returns the number of names of a path such as `a.b.c`, and its length in bytes.
fn path(node: &IdedExpr) -> Option<(usize, usize)> {
    match &node.expr {
        Expr::Ident(name) => Some((1, name.len())),
        Expr::Select(select) => {
            let (names, bytes) = path(&select.operand)?;
            Some((names + 1, bytes + 1 + select.field.len()))
        }
        _ => None,
    }
}
