//! Formats the results as tables.

use std::time::Duration;

use tests::percentile::percentile_ms;

use crate::audit::Writes;

/// Formats medians and 95th percentiles in milliseconds.
pub(super) fn latencies(rows: &[(&str, &[Duration])]) -> String {
    let mut text = format!("{:<72} {:>8} {:>8}\n", "", "p50 ms", "p95 ms");
    for (what, times) in rows {
        text.push_str(&format!(
            "{what:<72} {:>8.1} {:>8.1}\n",
            percentile_ms(times, 50),
            percentile_ms(times, 95)
        ));
    }
    text
}

/// Formats requests per run by client, including clients that are not part of the product.
pub(super) fn writes(title: &str, writes: &Writes, runs: usize) -> String {
    let mut text = format!("{title}\n");
    for ((who, what), count) in writes {
        let share = Duration::from_secs(u64::try_from(*count).unwrap_or(u64::MAX)).as_secs_f64()
            / Duration::from_secs(u64::try_from(runs.max(1)).unwrap_or(u64::MAX)).as_secs_f64();
        text.push_str(&format!("  {who:<56} {what:<32} {share:>6.2}\n"));
    }
    text
}
