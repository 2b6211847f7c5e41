//! The checks of [`crate::lint`], as a tier.

use std::path::Path;

use super::libtest::{Report, Tally};
use crate::checkout::Checkout;
use crate::lint::{layers, metrics, words};
use crate::phase::Phase;

/// Returns the violations of one rule, one line each.
type Check = fn(&Path) -> anyhow::Result<Vec<String>>;

const CHECKS: [(&str, Check); 3] = [
    ("words of names", words::check),
    ("layers of modules", layers::check),
    ("metrics of dashboards and alerts", metrics::check),
];

/// Runs all checks; each counts as one test.
///
/// # Errors
/// Returns an error if a source file or a list cannot be read.
pub(super) fn check(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for (name, check) in CHECKS {
        let violations = check(&checkout.root)?;
        if violations.is_empty() {
            report.tally.passed += 1;
            continue;
        }
        violations.iter().for_each(|violation| phase.log_line(violation));
        report.tally += Tally::FAILED;
        report.failures.push_str(&format!("{name}:\n  {}\n", violations.join("\n  ")));
    }
    Ok(report)
}
