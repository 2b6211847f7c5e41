//! Texts of a run's status that the operator and the runner both write.

use std::time::Duration;

use jiff::SignedDuration;

/// Returns the text of `status.duration`, as in `1.2s`, `3m5s` or `2h0m5s`. A negative duration becomes `0.0s`.
#[must_use]
pub fn display_duration(duration: SignedDuration) -> String {
    let duration = Duration::try_from(duration).unwrap_or_default();
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{:.1}s", duration.as_secs_f64()),
        (0, minutes) => format!("{minutes}m{}s", seconds % 60),
        (hours, minutes) => format!("{hours}h{minutes}m{}s", seconds % 60),
    }
}

/// Returns the request that reads the log of a run, also after the run has ended.
#[must_use]
pub fn log_location(run: &str) -> String {
    format!("GET /v1/workflow-runs/{run}/logs")
}

/// Returns the message of the condition `Succeeded` of a run that has ended, with the location of its log.
#[must_use]
pub fn with_log_location(message: &str, run: &str) -> String {
    let log = log_location(run);
    if message.is_empty() { format!("log: {log}") } else { format!("{message}; log: {log}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kubectl get` shows durations in a readable unit.
    #[test]
    fn durations_are_readable() {
        let text = |seconds: f64| display_duration(SignedDuration::try_from_secs_f64(seconds).unwrap());
        assert_eq!([text(0.04), text(1.24), text(185.0), text(7205.9)], ["0.0s", "1.2s", "3m5s", "2h0m5s"]);
        assert_eq!(text(-1.0), "0.0s");
    }

    /// The message of a finished run says where its log is.
    #[test]
    fn the_message_of_a_finished_run_says_where_its_log_is() {
        assert_eq!(with_log_location("", "order-7"), "log: GET /v1/workflow-runs/order-7/logs");
        let failed = with_log_location("step parse: TIMEOUT: too slow", "order-7");
        assert_eq!(failed, "step parse: TIMEOUT: too slow; log: GET /v1/workflow-runs/order-7/logs");
    }
}
