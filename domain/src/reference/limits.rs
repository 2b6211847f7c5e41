//! Limits.

use crds::constants::{
    EXIT_TIMEOUT_SECONDS, MAX_EXIT_STEPS, MAX_EXPRESSION_BYTES, MAX_FAILED_STARTS, MAX_INLINE_OUTPUT_BYTES,
    MAX_INLINE_RUN_BYTES, MAX_INPUT_BYTES, MAX_ITEMS, MAX_LOST_RUNNERS, MAX_NEEDS, MAX_PARALLEL,
    MAX_PYTHON_BYTES, MAX_SCHEMA_BYTES, MAX_STEPS, MAX_STORED_OUTPUT_BYTES, MAX_SUB_RUN_DEPTH,
    MAX_VALUE_DEPTH, MAX_WAIT_SECONDS,
};

use crate::expr::{MAX_DEPTH, MAX_NESTING};

/// A limit that no plan changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub what: &'static str,
    /// How many at most.
    pub at_most: u64,
    /// Of which unit; empty for plain numbers.
    pub unit: &'static str,
}

const fn limit(what: &'static str, at_most: usize, unit: &'static str) -> Limit {
    // A usize has at most 64 bits, and there is no other conversion in a constant.
    #[expect(clippy::as_conversions, reason = "from usize, in a constant")]
    let at_most = at_most as u64;
    Limit { what, at_most, unit }
}

const fn wide(what: &'static str, at_most: u64, unit: &'static str) -> Limit {
    Limit { what, at_most, unit }
}

const fn narrow(what: &'static str, at_most: u32) -> Limit {
    #[expect(clippy::as_conversions, reason = "from u32, in a constant")]
    let at_most = at_most as u64;
    Limit { what, at_most, unit: "" }
}

/// All of them.
pub const LIMITS: &[Limit] = &[
    limit("steps of a workflow", MAX_STEPS, ""),
    limit("onExit steps of a workflow", MAX_EXIT_STEPS, ""),
    limit("needs of a step", MAX_NEEDS, ""),
    limit("items of a forEach", MAX_ITEMS, ""),
    narrow("items of a forEach at one time", MAX_PARALLEL),
    limit("an expression", MAX_EXPRESSION_BYTES, "bytes"),
    limit("levels of an expression", MAX_DEPTH, ""),
    limit("loops within each other in an expression", MAX_NESTING, ""),
    limit("inline Python code", MAX_PYTHON_BYTES, "bytes"),
    limit("all JSON Schemas of a workflow together", MAX_SCHEMA_BYTES, "bytes"),
    limit("a run's input", MAX_INPUT_BYTES, "bytes"),
    limit("lists and objects within each other, in an input or output", MAX_VALUE_DEPTH, ""),
    limit(
        "one output that stays in the run's status; larger ones go to object storage",
        MAX_INLINE_OUTPUT_BYTES,
        "bytes",
    ),
    limit("all outputs that stay in a run's status", MAX_INLINE_RUN_BYTES, "bytes"),
    limit("one output in object storage", MAX_STORED_OUTPUT_BYTES, "bytes"),
    wide("a wait, and the timeout of an approval", MAX_WAIT_SECONDS, "seconds"),
    wide("all onExit steps together", EXIT_TIMEOUT_SECONDS, "seconds"),
    narrow("runs that start runs, within each other", MAX_SUB_RUN_DEPTH),
    narrow("pods that a run may lose without progress", MAX_LOST_RUNNERS),
    narrow(
        "times in a row that a step's code may not begin, without an attempt being spent",
        MAX_FAILED_STARTS,
    ),
];
