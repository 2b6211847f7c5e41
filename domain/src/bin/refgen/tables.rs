//! Pages with tables of codes, limits and functions.

use domain::{
    expr::FUNCTIONS,
    reference::{ERRORS, LIMITS, Limit, PROBLEMS},
};

use super::{cell, header};

/// Returns the page of the problems that a workflow can have.
pub(super) fn problems() -> String {
    let about = "Problems of a Workflow, by the `code` in `status.problems`. A workflow with problems starts no runs.";
    let rows = PROBLEMS.iter().map(|(code, meaning)| row(&[format!("`{code}`").as_str(), meaning]));
    header("Problems", about) + "| code | meaning |\n| --- | --- |\n" + &rows.collect::<String>()
}

/// Returns the page of the errors with which runs and steps can fail.
pub(super) fn errors() -> String {
    let about = "Errors of runs and steps, by `code` in their `error`. The `kind` classifies the cause, and `retry.kinds` refers to it: `User` \
                 for the workflow or the called service, `Infra` for infrastructure errors, `Timeout` for an exceeded time limit, `Schema` for \
                 a value that violates its schema, `Policy` for an operation that is not allowed.";
    let rows = ERRORS.iter().map(|(kind, code, meaning)| row(&[format!("`{code}`").as_str(), kind, meaning]));
    header("Errors", about) + "| code | kind | meaning |\n| --- | --- | --- |\n" + &rows.collect::<String>()
}

/// Returns the page of the limits that no plan changes.
pub(super) fn limits() -> String {
    let about = "Limits that no plan changes. A request over a limit is rejected with the actual value and the limit; inputs and outputs are never truncated. Truncated are logs (lines after the limit are dropped), the standard output of a step without an output file (its end is retained) and long error messages, and only the first 20 failures of a `forEach` are recorded.";
    let rows = LIMITS.iter().map(|limit| row(&[limit.what, format_max(limit).as_str()]));
    header("Limits", about) + "| limit | maximum |\n| --- | --- |\n" + &rows.collect::<String>()
}

/// Returns the page of the functions that expressions may call.
pub(super) fn functions() -> String {
    let about = "Functions available in `${{ … }}` and in fields that are expressions: the standard functions and macros of CEL and a \
                 selection of its string, math and encoder extensions. Functions whose result can be far larger than their arguments \
                 (`replace`, `join`, `format`, `range`) or that are slow (`sort`) are deliberately not available: use a `python` step.";
    let rows = FUNCTIONS.iter().map(|(form, meaning)| row(&[format!("`{form}`").as_str(), meaning]));
    header("Functions", about) + "| function | result |\n| --- | --- |\n" + &rows.collect::<String>()
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Formats the maximum, in KiB, MiB, minutes or days if it is a multiple of them.
fn format_max(limit: &Limit) -> String {
    const KIB: u64 = 1024;
    match (limit.unit, limit.max) {
        ("bytes", bytes) if bytes % (KIB * KIB) == 0 => format!("{} MiB", bytes / KIB / KIB),
        ("bytes", bytes) if bytes % KIB == 0 => format!("{} KiB", bytes / KIB),
        ("seconds", seconds) if seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        ("seconds", seconds) if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        (unit, number) => format!("{number} {unit}").trim_end().to_owned(),
    }
}
