//! Metrics of the pool.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use telemetry::Registry;

/// Metrics of a pool. Clones update the same metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Number of computations, by result.
    pub(crate) results: Family<ResultLabels, Counter>,
    /// Durations of the computations that were completed, in seconds.
    pub(crate) duration: Histogram,
    /// Number of threads that compute beyond their deadline.
    pub(crate) overdue: Gauge,
}

/// Labels of the number of computations.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ResultLabels {
    /// `ok`, or the name of the error.
    pub(crate) result: &'static str,
}

/// Upper bounds of the histogram of durations, in seconds: 100 ms is the bound of what `domain` accepts.
const BUCKETS: [f64; 7] = [0.000_1, 0.001, 0.01, 0.1, 0.5, 1.0, 5.0];

impl Metrics {
    /// Creates the metrics and registers all of them.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics =
            Self { results: Family::default(), duration: Histogram::new(BUCKETS), overdue: Gauge::default() };
        let Self { results, duration, overdue } = metrics.clone();
        registry.register("compute", |to| {
            to.register("computations", "Number of computations on tenants' text by result", results);
            to.register("duration_seconds", "Duration of computations on tenants' text in seconds", duration);
            to.register(
                "overdue_threads",
                "Number of threads that compute beyond their deadline: the cost of a text was not bounded",
                overdue,
            );
        });
        metrics
    }

    /// Counts a computation.
    pub(crate) fn count(&self, result: &'static str) {
        self.results.get_or_create(&ResultLabels { result }).inc();
    }
}
