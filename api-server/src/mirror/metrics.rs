//! Metrics of the mirror.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use telemetry::Registry;

use crate::project::Kind;

/// Upper bounds of the buckets of lags, in seconds.
const LAG_BUCKETS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// Metrics of the mirror; clones share their values.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    changes: Family<Labels, Counter>,
    lag: Family<Labels, Histogram>,
    canary_lag: Histogram,
    corrections: Counter,
    lists: Family<Labels, Counter>,
    restarts: Counter,
    quarantined: Family<Reason, Gauge>,
    leading: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            changes: Family::default(),
            lag: Family::new_with_constructor(lag_histogram),
            canary_lag: lag_histogram(),
            corrections: Counter::default(),
            lists: Family::default(),
            restarts: Counter::default(),
            quarantined: Family::default(),
            leading: Gauge::default(),
        }
    }
}

fn lag_histogram() -> Histogram {
    Histogram::new(LAG_BUCKETS)
}

impl Metrics {
    /// Creates the metrics and registers them for `/metrics`.
    pub(super) fn registered(registry: &Registry) -> Self {
        let metrics = Self::default();
        registry.register("mirror", |registry| {
            registry.register(
                "changes",
                "Object changes read from Kubernetes and applied to the database",
                metrics.changes.clone(),
            );
            registry.register(
                "lag_seconds",
                "Time from the receipt of an object change until it is stored in the database",
                metrics.lag.clone(),
            );
            registry.register(
                "canary_lag_seconds",
                "Time from a renewal of the lease, through the Kubernetes API and a watch, until a row is stored for it",
                metrics.canary_lag.clone(),
            );
            registry.register(
                "corrections",
                "Rows that a list has changed although their objects are older than what was read before; always 0",
                metrics.corrections.clone(),
            );
            registry.register("lists", "Complete lists of a kind", metrics.lists.clone());
            registry.register(
                "restarts",
                "Starts of all tasks of the mirror after a failure",
                metrics.restarts.clone(),
            );
            registry.register(
                "quarantined",
                "Objects that are not stored because they cannot be, by reason; reported by the leader",
                metrics.quarantined.clone(),
            );
            registry.register(
                "leading",
                "1 while this process holds the lease and mirrors, otherwise 0",
                metrics.leading.clone(),
            );
        });
        metrics
    }

    /// Records whether this process is the leader.
    pub(super) fn set_leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }

    /// Counts a change of an object of this kind that was stored this time after it was received.
    pub(super) fn count_change(&self, kind: Kind, lag: Duration) {
        let labels = Labels { kind: kind.into() };
        self.changes.get_or_create(&labels).inc();
        self.lag.get_or_create(&labels).observe(lag.as_secs_f64());
    }

    /// Records the time from a renewal of the lease until a row was stored for it.
    pub(super) fn observe_canary(&self, lag: Duration) {
        self.canary_lag.observe(lag.as_secs_f64());
    }

    /// Counts rows that a list has corrected.
    pub(super) fn count_corrections(&self, corrections: u64) {
        self.corrections.inc_by(corrections);
    }

    /// Counts a complete list of a kind.
    pub(super) fn count_list(&self, kind: Kind) {
        self.lists.get_or_create(&Labels { kind: kind.into() }).inc();
    }

    /// Counts a start of all tasks after a failure.
    pub(super) fn count_restart(&self) {
        self.restarts.inc();
    }

    /// Records the number of objects in the quarantine for one reason.
    pub(super) fn set_quarantined(&self, reason: &'static str, objects: i64) {
        self.quarantined.get_or_create(&Reason { reason }).set(objects);
    }
}
