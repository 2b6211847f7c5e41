//! The benchmark: prints the slowest cases, known and generated, on one core.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::measure::{Measured, measure};
use super::{cases, generate};

/// Maximum number of seeds. Each gives an expression, a pair of schema and value, and a code.
const MAX_SEEDS: u32 = 300;
/// Time after which no further seed is measured. Without optimisation, a case takes up to a second and most of the time goes into
/// generating it.
const MAX_TIME: Duration = Duration::from_secs(60);
/// Number of cases that are printed.
const PRINTED: usize = 25;

/// Prints the slowest cases with their time, memory and outcome.
#[test]
#[ignore = "a benchmark, started by `cargo xtask bench cost`"]
fn slowest_cases() {
    let mut measured: Vec<(String, Measured)> =
        cases::all().into_iter().map(|case| (case.name, measure(|| (case.run)()))).collect();
    let known = measured.len();
    let started = Instant::now();
    let mut seeds = 0;
    while seeds < MAX_SEEDS && started.elapsed() < MAX_TIME {
        measured.extend(measure_seed(seeds));
        seeds += 1;
    }
    let generating = started.elapsed();
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
    let _ = writeln!(
        table,
        "\n{slow} of {} cases took more than 100 ms: {known} known ones, and those of the {seeds} seeds from 0 on, in {:.0} s.",
        measured.len(),
        generating.as_secs_f64()
    );
    std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes()).unwrap();
}

/// Measures the cases that a seed gives. Their names begin with the seed.
fn measure_seed(seed: u32) -> [(String, Measured); 3] {
    let expression = generate::expression(seed);
    let (schema, value) = generate::schema(seed);
    let code = generate::code(seed);
    [
        (format!("seed {seed}: {expression}"), measure(|| cases::evaluate(&expression))),
        (
            format!("seed {seed}: {schema} on {} bytes", value.to_string().len()),
            measure(|| cases::check_schema(&schema, &value)),
        ),
        (format!("seed {seed}: {code}"), measure(|| cases::check_code(&code))),
    ]
}
