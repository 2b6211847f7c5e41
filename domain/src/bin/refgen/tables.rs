//! The tables of codes, limits and functions.

use domain::{
    expr::FUNCTIONS,
    reference::{ERRORS, LIMITS, Limit, PROBLEMS},
};

use super::{cell, header};

/// What can be wrong with a workflow.
pub(super) fn problems() -> String {
    let about = "What can be wrong with a Workflow, by the `code` in its `status.problems`. A workflow with problems starts no run.";
    let rows = PROBLEMS.iter().map(|(code, meaning)| row(&[format!("`{code}`").as_str(), meaning]));
    header("Problems", about) + "| code | meaning |\n| --- | --- |\n" + &rows.collect::<String>()
}

/// What runs and steps fail of.
pub(super) fn errors() -> String {
    let about = "What a run or a step can fail of: `kind` and `code` in its `error`. The kind says whose fault it is, and is what `retry.on` \
                 names: `User` the workflow's or the called service's, `Infra` the platform's, `Timeout` a time that was exceeded, `Schema` a \
                 value of another type than declared, `Policy` what is not allowed.";
    let rows = ERRORS.iter().map(|(kind, code, meaning)| row(&[format!("`{code}`").as_str(), kind, meaning]));
    header("Errors", about) + "| code | kind | meaning |\n| --- | --- | --- |\n" + &rows.collect::<String>()
}

/// What no plan changes.
pub(super) fn limits() -> String {
    let about =
        "Limits that no plan changes. What is too large or too many is refused with both numbers, never cut.";
    let rows = LIMITS.iter().map(|limit| row(&[limit.what, amount(limit).as_str()]));
    header("Limits", about) + "| of what | at most |\n| --- | --- |\n" + &rows.collect::<String>()
}

/// What users may call in an expression.
pub(super) fn functions() -> String {
    let about = "What may be called in `${{ … }}` and in the fields that are expressions: the functions and macros of CEL, those for \
                 texts and numbers, and no others. Functions whose result can be far larger than what they are given (`replace`, `join`, \
                 `format`, `range`) or that are slow (`sort`) are left out on purpose: a `python` step does that within limits.";
    let rows = FUNCTIONS.iter().map(|(form, meaning)| row(&[format!("`{form}`").as_str(), meaning]));
    header("Functions", about) + "| written | gives |\n| --- | --- |\n" + &rows.collect::<String>()
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Whole KiB and MiB as such.
fn amount(limit: &Limit) -> String {
    const KIB: u64 = 1024;
    match (limit.unit, limit.at_most) {
        ("bytes", bytes) if bytes % (KIB * KIB) == 0 => format!("{} MiB", bytes / KIB / KIB),
        ("bytes", bytes) if bytes % KIB == 0 => format!("{} KiB", bytes / KIB),
        ("seconds", seconds) if seconds % 86_400 == 0 => format!("{} days", seconds / 86_400),
        ("seconds", seconds) if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        (unit, number) => format!("{number} {unit}").trim_end().to_owned(),
    }
}
