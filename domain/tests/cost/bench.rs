//! The benchmark: prints the slowest cases, known and generated, on one core.

use std::fmt::Write as _;
use std::time::Duration;

use super::measure::{Measured, measure};
use super::{cases, generate};

/// Number of generated expressions, of generated pairs of schema and value, and of generated codes.
const GENERATED: u32 = 2000;
/// Number of cases that are printed.
const PRINTED: usize = 25;

/// Prints the slowest cases with their time, memory and outcome.
#[test]
#[ignore = "a benchmark, started by `cargo xtask bench cost`"]
fn slowest_cases() {
    let mut measured: Vec<(String, Measured)> =
        cases::all().into_iter().map(|case| (case.name, measure(|| (case.run)()))).collect();
    for seed in 0..GENERATED {
        let source = generate::expression(seed);
        measured.push((source.clone(), measure(|| cases::evaluate(&source))));
        let (schema, value) = generate::schema(seed);
        let name = format!("{schema} on {} bytes", value.to_string().len());
        measured.push((name, measure(|| cases::check_schema(&schema, &value))));
        let code = generate::code(seed);
        measured.push((code.clone(), measure(|| cases::check_code(&code))));
    }
    measured.sort_by_key(|(_, measured)| std::cmp::Reverse(measured.time));
    let mut table =
        "| ms | peak KiB | allocations | case | outcome |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for (name, Measured { time, peak_bytes, allocations, outcome }) in measured.iter().take(PRINTED) {
        let milliseconds = time.as_secs_f64() * 1000.0;
        let name = cases::summary(name);
        let _ = writeln!(
            table,
            "| {milliseconds:.1} | {} | {allocations} | `{name}` | {outcome} |",
            peak_bytes >> 10
        );
    }
    let slow = measured.iter().filter(|(_, measured)| measured.time > Duration::from_millis(100)).count();
    let _ = writeln!(table, "\n{slow} of {} cases took more than 100 ms.", measured.len());
    std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes()).unwrap();
}
