//! What the operator counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use telemetry::Registry;

/// The operator's metrics; clones count into the same ones.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Reconciles by controller and result.
    pub(crate) reconciles: Family<Reconciled, Counter>,
    /// How long reconciles take, in seconds.
    pub(crate) duration: Family<ByController, Histogram>,
    /// Objects that cannot be parsed, seen so far.
    pub(crate) unparsable: Family<ByController, Counter>,
    /// Runs that wait now, and that hold a slot.
    pub(crate) runs_queued: Gauge,
    /// Runs that hold a slot now.
    pub(crate) runs_admitted: Gauge,
    /// Pods lost under a run.
    pub(crate) runners_lost: Counter,
    /// Finished runs deleted after their retention.
    pub(crate) runs_retired: Counter,
}

/// One reconcile.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Reconciled {
    /// Which controller.
    pub(crate) controller: &'static str,
    /// `ok`, or the class of the error.
    pub(crate) result: &'static str,
}

/// One controller.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ByController {
    /// Which.
    pub(crate) controller: &'static str,
}

/// 5 ms is one write; 30 s is where a reconcile is given up.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

impl Metrics {
    /// Registers them all.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            unparsable: Family::default(),
            runs_queued: Gauge::default(),
            runs_admitted: Gauge::default(),
            runners_lost: Counter::default(),
            runs_retired: Counter::default(),
        };
        let Self { reconciles, duration, unparsable, runs_queued, runs_admitted, runners_lost, runs_retired } =
            metrics.clone();
        registry.register("operator", |to| {
            to.register("reconciles", "Reconciles by controller and result", reconciles);
            to.register("reconcile_duration_seconds", "How long reconciles take", duration);
            to.register("unparsable_objects", "Objects that could not be parsed", unparsable);
            to.register("runs_queued", "Runs that wait", runs_queued);
            to.register("runs_admitted", "Runs that hold a slot", runs_admitted);
            to.register("runners_lost", "Pods lost under a run", runners_lost);
            to.register("runs_retired", "Finished runs deleted after their retention", runs_retired);
        });
        metrics
    }
}
