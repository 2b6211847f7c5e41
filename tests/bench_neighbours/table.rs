//! Formats the results as tables in Markdown.

use std::time::Duration;

use tests::percentile::percentile_ms;

use crate::{
    neighbour::Latencies,
    platform::{COMPONENTS, Components},
    series::Series,
};

/// Highest ratio of a 95th percentile beside an attack to that alone.
const MAX_RATIO: f64 = 2.0;
/// Highest growth of memory after an attack that counts as flat, in KiB: caches and the allocator's free pages.
const MAX_GROWTH: u64 = 16 * 1024;

/// Result of one measurement.
pub(super) struct Row {
    /// Name of the attack, or `alone`.
    pub(super) name: &'static str,
    pub(super) latencies: Latencies,
    pub(super) before: Components,
    pub(super) peak: Components,
    pub(super) after: Components,
    /// How the attacker was answered, and what became of its runs and workflows.
    pub(super) answers: Vec<String>,
}

/// Formats everything.
pub(super) fn report(machine: &str, duration: Duration, alone: &Row, rows: &[Row]) -> String {
    let mut text = format!("{machine}; {} s per measurement\n\n", duration.as_secs());
    text.push_str(
        "| attack | runs p50/p95 ms | × | starts p50/p95 ms | × | reads p50/p95 ms | × | failed | \
         operator: restarts, MiB | api-server: restarts, MiB | goal |\n",
    );
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    text.push_str(&row(alone, alone));
    for measured in rows {
        text.push_str(&row(measured, alone));
    }
    text.push_str("\nMiB: before the attack, highest, after its objects were deleted.\n");
    for measured in rows {
        text.push_str(&details(measured));
    }
    text
}

/// Formats the answers to the attacker, and the first errors of the neighbour.
pub(super) fn details(measured: &Row) -> String {
    let answers = measured.answers.join("; ");
    format!("\n{}: {answers}\n{}", measured.name, errors(&measured.latencies))
}

/// Formats one measurement.
pub(super) fn row(measured: &Row, alone: &Row) -> String {
    let Latencies { runs, starts, reads } = &measured.latencies;
    let mut text = format!("| {} |", measured.name);
    for (series, reference) in pairs(measured, alone) {
        let (p50, p95) = (percentile_ms(&series.times, 50), percentile_ms(&series.times, 95));
        text.push_str(&format!(" {p50:.0} / {p95:.0} | {:.1} |", ratio(series, reference)));
    }
    let failed = runs.failed + starts.failed + reads.failed;
    let all = runs.times.len() + starts.times.len() + reads.times.len();
    text.push_str(&format!(" {failed} of {all} |"));
    for component in COMPONENTS {
        text.push_str(&format!(" {}, {} |", restarts(measured, component), memory(measured, component)));
    }
    text.push_str(&format!(" {} |\n", goal(measured, alone)));
    text
}

fn pairs<'a>(measured: &'a Row, alone: &'a Row) -> [(&'a Series, &'a Series); 3] {
    let (beside, alone) = (&measured.latencies, &alone.latencies);
    [(&beside.runs, &alone.runs), (&beside.starts, &alone.starts), (&beside.reads, &alone.reads)]
}

fn ratio(series: &Series, reference: &Series) -> f64 {
    percentile_ms(&series.times, 95) / percentile_ms(&reference.times, 95)
}

/// Returns whether the goal is reached, or what is not.
fn goal(measured: &Row, alone: &Row) -> String {
    let mut missed = Vec::new();
    let pairs = pairs(measured, alone);
    if pairs.iter().any(|(series, reference)| ratio(series, reference) > MAX_RATIO) {
        missed.push("latency");
    }
    if pairs.iter().any(|(series, _)| series.failed > 0) {
        missed.push("failures");
    }
    if COMPONENTS.iter().any(|component| restarts(measured, component) > 0) {
        missed.push("restarts");
    }
    if COMPONENTS.iter().any(|component| has_grown(measured, component)) {
        missed.push("memory");
    }
    if missed.is_empty() { "reached".to_owned() } else { format!("MISSED: {}", missed.join(", ")) }
}

fn restarts(measured: &Row, component: &str) -> i32 {
    let pair = measured.after.get(component).zip(measured.before.get(component));
    pair.map_or(0, |(after, before)| after.restarts_since(before))
}

fn has_grown(measured: &Row, component: &str) -> bool {
    let pair = measured.after.get(component).zip(measured.before.get(component));
    pair.is_some_and(|(after, before)| after.memory > before.memory + MAX_GROWTH)
}

fn memory(measured: &Row, component: &str) -> String {
    let states = [&measured.before, &measured.peak, &measured.after];
    let mebibytes = |state: &&Components| state.get(component).map_or(0, |state| state.memory / 1024);
    states.iter().map(|state| mebibytes(state).to_string()).collect::<Vec<_>>().join(" → ")
}

/// Formats the first error of each kind of request of the neighbour.
fn errors(latencies: &Latencies) -> String {
    let Latencies { runs, starts, reads } = latencies;
    let kinds = [("run", runs), ("start", starts), ("read", reads)];
    let first = |(kind, series): (&str, &Series)| {
        let error: String = series.first_error.as_ref()?.chars().take(300).collect();
        Some(format!("neighbour: {} failed, first {kind}: {error}\n", series.failed))
    };
    kinds.into_iter().filter_map(first).collect()
}
