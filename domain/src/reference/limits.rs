//! Limits that no plan changes.

use crds::constants::{
    EXIT_TIMEOUT_SECONDS, MAX_ACTIVE_ITEMS, MAX_CONCURRENCY_KEY_BYTES, MAX_EXIT_STEPS, MAX_EXPRESSION_BYTES,
    MAX_FAILED_STARTS, MAX_INLINE_OUTPUT_BYTES, MAX_INLINE_RUN_BYTES, MAX_INPUT_BYTES, MAX_INPUT_VALUES,
    MAX_ITEMS, MAX_LOST_RUNNERS, MAX_NEEDS, MAX_PARALLEL, MAX_PYTHON_BYTES, MAX_REQUEST_HEADER_BYTES,
    MAX_RESPONSE_CONTENT_BYTES, MAX_RUN_BYTES, MAX_SCHEMA_BYTES, MAX_STEPS, MAX_STORED_OUTPUT_BYTES,
    MAX_SUB_RUN_DEPTH, MAX_TENANT_REQUESTS, MAX_TENANT_STREAMS, MAX_TENANT_WAITERS, MAX_VALUE_DEPTH,
    MAX_WAIT_SECONDS,
};

use crate::expr::{MAX_COST, MAX_DEPTH, MAX_LOOP_NESTING, MAX_NODES};
use crate::pattern::{MAX_BYTES as MAX_PATTERN_BYTES, MAX_STATES};
use crate::schema;

/// A limit that no plan changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Limited quantity.
    pub what: &'static str,
    /// Maximum, in [`Self::unit`].
    pub max: u64,
    /// `bytes` or `seconds`; empty for numbers without a unit.
    pub unit: &'static str,
}

const fn limit_usize(what: &'static str, max: usize, unit: &'static str) -> Limit {
    // A usize has at most 64 bits, and constants allow no other conversion.
    #[expect(clippy::as_conversions, reason = "from usize, in a constant")]
    let max = max as u64;
    Limit { what, max, unit }
}

const fn limit_u64(what: &'static str, max: u64, unit: &'static str) -> Limit {
    Limit { what, max, unit }
}

const fn limit_u32(what: &'static str, max: u32) -> Limit {
    #[expect(clippy::as_conversions, reason = "from u32, in a constant")]
    let max = max as u64;
    Limit { what, max, unit: "" }
}

/// All limits, in the order of the reference page.
pub const LIMITS: &[Limit] = &[
    limit_usize("steps of a workflow", MAX_STEPS, ""),
    limit_usize("onExit steps of a workflow", MAX_EXIT_STEPS, ""),
    limit_usize("entries in needs of a step", MAX_NEEDS, ""),
    limit_usize("items of a forEach", MAX_ITEMS, ""),
    limit_u32("parallel items of a forEach (maxParallel)", MAX_PARALLEL),
    limit_usize(
        "maxParallel of all steps of a run that execute a forEach at the same time, together; a further step starts when one of \
         them has ended",
        MAX_ACTIVE_ITEMS,
        "",
    ),
    limit_usize("length of an expression", MAX_EXPRESSION_BYTES, "bytes"),
    limit_usize("depth of an expression, in levels", MAX_DEPTH, ""),
    limit_usize("nested loops in an expression", MAX_LOOP_NESTING, ""),
    limit_u64("cost of all expressions of one template, in units of 50 ns", MAX_COST, ""),
    limit_usize("operators, names and literals of all expressions of a workflow together", MAX_NODES, ""),
    limit_usize("length of a regular expression", MAX_PATTERN_BYTES, "bytes"),
    limit_u64("states of all regular expressions of a workflow together (estimated)", MAX_STATES, ""),
    limit_usize("inline Python code of a step", MAX_PYTHON_BYTES, "bytes"),
    limit_usize("all JSON Schemas of a workflow together", MAX_SCHEMA_BYTES, "bytes"),
    limit_usize("value of concurrency.key", MAX_CONCURRENCY_KEY_BYTES, "bytes"),
    limit_u64(
        "cost of validating a value against a JSON Schema, in units of 50 ns, without 16 for each value in it",
        schema::MAX_COST,
        "",
    ),
    limit_usize(
        "all defaults of a JSON Schema that are added to one value",
        schema::MAX_DEFAULT_BYTES,
        "bytes",
    ),
    limit_u64("cost of a validation whose violations are listed one by one", schema::MAX_LISTED_COST, ""),
    limit_usize("input of a run", MAX_INPUT_BYTES, "bytes"),
    limit_usize("values in the input of a run, lists and objects included", MAX_INPUT_VALUES, ""),
    limit_usize("depth of an input or output, in nested lists and objects", MAX_VALUE_DEPTH, ""),
    limit_usize(
        "one output stored inline in the status of the run; larger outputs are written to object storage",
        MAX_INLINE_OUTPUT_BYTES,
        "bytes",
    ),
    limit_usize("all outputs stored inline in the status of a run", MAX_INLINE_RUN_BYTES, "bytes"),
    limit_usize("a run with its spec, status and managed fields", MAX_RUN_BYTES, "bytes"),
    limit_usize("one output in object storage", MAX_STORED_OUTPUT_BYTES, "bytes"),
    limit_u64("duration of a wait, and timeout of an approval", MAX_WAIT_SECONDS, "seconds"),
    limit_u64("duration of all onExit steps together", EXIT_TIMEOUT_SECONDS, "seconds"),
    limit_u32("depth of nested sub-runs", MAX_SUB_RUN_DEPTH),
    limit_u32("pods that a run may lose without progress before it fails", MAX_LOST_RUNNERS),
    limit_u32(
        "consecutive failures to start the code of a step that do not count as attempts",
        MAX_FAILED_STARTS,
    ),
    limit_usize("requests of a tenant to one replica of the API at the same time", MAX_TENANT_REQUESTS, ""),
    limit_usize("requests of a tenant that wait for the end of a run (Prefer: wait)", MAX_TENANT_WAITERS, ""),
    limit_usize("logs that a tenant follows at the same time", MAX_TENANT_STREAMS, ""),
    limit_usize("contents of all runs in one response of the API", MAX_RESPONSE_CONTENT_BYTES, "bytes"),
    limit_usize("request line and headers of an API request", MAX_REQUEST_HEADER_BYTES, "bytes"),
];
