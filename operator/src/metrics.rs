//! Metrics of the operator.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use telemetry::Registry;

/// The operator's metrics. Clones update the same metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Number of reconciles, by controller and result.
    pub(crate) reconciles: Family<ReconcileLabels, Counter>,
    /// Duration of reconciles, in seconds.
    pub(crate) duration: Family<ControllerLabels, Histogram>,
    /// Number of objects that could not be parsed.
    pub(crate) unparsable: Family<ControllerLabels, Counter>,
    /// Number of objects that are set aside, since their reconcile takes too long, makes something too large, or panics.
    pub(crate) set_aside: Family<ControllerLabels, Gauge>,
    /// Number of workflows and inputs of runs that were refused, since they take too much memory once they are decoded.
    pub(crate) refused_objects: Family<ControllerLabels, Counter>,
    /// Number of runs that are queued for a concurrency slot.
    pub(crate) runs_queued: Gauge,
    /// Number of runs that hold a concurrency slot.
    pub(crate) runs_admitted: Gauge,
    /// Number of pods that were lost while they executed a run.
    pub(crate) runners_lost: Counter,
    /// Number of concurrency slots that did not follow from the runs that exist, and were corrected.
    pub(crate) slot_corrections: Counter,
    /// Number of finished runs that were deleted after their retention.
    pub(crate) runs_retired: Counter,
}

/// Labels of the number of reconciles.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ReconcileLabels {
    /// Name of the controller.
    pub(crate) controller: &'static str,
    /// `ok`, or the class of the error.
    pub(crate) result: &'static str,
}

/// Labels of metrics that are counted for each controller.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ControllerLabels {
    /// Name of the controller.
    pub(crate) controller: &'static str,
}

/// Upper bounds of the histogram of durations, in seconds: 5 ms is one write, 30 s the timeout of a reconcile.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

impl Metrics {
    /// Creates the metrics and registers all of them.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            unparsable: Family::default(),
            set_aside: Family::default(),
            refused_objects: Family::default(),
            runs_queued: Gauge::default(),
            runs_admitted: Gauge::default(),
            runners_lost: Counter::default(),
            slot_corrections: Counter::default(),
            runs_retired: Counter::default(),
        };
        let Self {
            reconciles,
            duration,
            unparsable,
            set_aside,
            refused_objects,
            runs_queued,
            runs_admitted,
            runners_lost,
            slot_corrections,
            runs_retired,
        } = metrics.clone();
        registry.register("operator", |to| {
            to.register("reconciles", "Number of reconciles by controller and result", reconciles);
            to.register("reconcile_duration_seconds", "Duration of reconciles in seconds", duration);
            to.register("unparsable_objects", "Number of objects that could not be parsed", unparsable);
            to.register(
                "set_aside_objects",
                "Number of objects whose reconcile takes too long, makes something too large, or panics",
                set_aside,
            );
            to.register(
                "refused_objects",
                "Number of workflows and inputs of runs that take too much memory once they are decoded",
                refused_objects,
            );
            to.register("runs_queued", "Number of runs that are queued for a concurrency slot", runs_queued);
            to.register("runs_admitted", "Number of runs that hold a concurrency slot", runs_admitted);
            to.register(
                "runners_lost",
                "Number of runner pods that were lost while they executed a run",
                runners_lost,
            );
            to.register(
                "slot_corrections",
                "Number of concurrency slots that did not follow from the runs that exist, and were corrected",
                slot_corrections,
            );
            to.register(
                "runs_retired",
                "Number of finished runs that were deleted after their retention",
                runs_retired,
            );
        });
        metrics
    }

    /// Counts an object that a controller has refused, since it takes too much memory.
    pub(crate) fn count_refused_object(&self, controller: &'static str) {
        self.refused_objects.get_or_create(&ControllerLabels { controller }).inc();
    }
}
