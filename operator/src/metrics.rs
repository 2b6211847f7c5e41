//! Metrics of the operator.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::Method;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry,
};
use telemetry::Registry;

/// The operator's metrics. Clones update the same metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Number of reconciles, by controller and result.
    pub(crate) reconciles: Family<ReconcileLabels, Counter>,
    /// Duration of reconciles, in seconds.
    pub(crate) duration: Family<ControllerLabels, Histogram>,
    /// Number of requests to the Kubernetes API, by method, without those that renew the Lease. A list or watch is one request.
    kubernetes_requests: Family<RequestLabels, Counter>,
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
    /// Number of Events that were not published, since there were too many of their tenant or too many were waiting.
    pub(crate) events_dropped: Counter,
    /// Number of finished runs that were deleted after their retention.
    pub(crate) runs_retired: Counter,
    /// 1 for each right that the operator needs and that Kubernetes does not grant it; the label `right` names it.
    missing_rights: Family<RightLabels, Gauge>,
    network_policies_enforced: Enforced,
}

/// Whether the cluster enforces network policies: 1 or 0, or nothing while that is not known.
#[derive(Clone, Debug, Default)]
struct Enforced(Arc<Mutex<Option<bool>>>);

impl Collector for Enforced {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(enforced) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else { return Ok(()) };
        let help = "1 if the cluster enforces network policies, 0 if it does not";
        let metric = encoder.encode_descriptor("network_policies_enforced", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(enforced)).encode(metric)
    }
}

/// Labels of the number of reconciles.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ReconcileLabels {
    /// Name of the controller.
    pub(crate) controller: &'static str,
    /// `ok`, or the class of the error.
    pub(crate) result: &'static str,
}

/// Label of the number of requests.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    /// HTTP method, such as `PATCH`.
    method: &'static str,
}

/// Label of a missing right.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RightLabels {
    /// One of the rights that the chart grants, such as `delete workflowruns.smbcopilot.dev`.
    right: String,
}

/// Labels of metrics that are counted for each controller.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ControllerLabels {
    /// Name of the controller.
    pub(crate) controller: &'static str,
}

/// Upper bounds of the histogram of durations, in seconds: 5 ms is one write, 30 s the timeout of a reconcile.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Methods of requests to the Kubernetes API.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Metrics {
    /// Creates the metrics and registers all of them.
    pub(crate) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            kubernetes_requests: Family::default(),
            unparsable: Family::default(),
            set_aside: Family::default(),
            refused_objects: Family::default(),
            runs_queued: Gauge::default(),
            runs_admitted: Gauge::default(),
            runners_lost: Counter::default(),
            slot_corrections: Counter::default(),
            events_dropped: Counter::default(),
            runs_retired: Counter::default(),
            missing_rights: Family::default(),
            network_policies_enforced: Enforced::default(),
        };
        metrics.clone().register(registry);
        metrics
    }

    fn register(self, registry: &Registry) {
        let Self {
            reconciles,
            duration,
            kubernetes_requests,
            unparsable,
            set_aside,
            refused_objects,
            runs_queued,
            runs_admitted,
            runners_lost,
            slot_corrections,
            events_dropped,
            runs_retired,
            missing_rights,
            network_policies_enforced,
        } = self;
        registry.register("operator", |to| {
            to.register("reconciles", "Number of reconciles by controller and result", reconciles);
            to.register("reconcile_duration_seconds", "Duration of reconciles in seconds", duration);
            to.register(
                "kubernetes_requests",
                "Number of requests to the Kubernetes API by method, without those for the lease",
                kubernetes_requests,
            );
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
                "events_dropped",
                "Number of Events that were not published, since there were too many of their tenant or too many were waiting",
                events_dropped,
            );
            to.register(
                "runs_retired",
                "Number of finished runs that were deleted after their retention",
                runs_retired,
            );
            register_checks(to, missing_rights, network_policies_enforced);
        });
    }

    /// Returns a function that counts a request to the Kubernetes API.
    pub(crate) fn request_counter(&self) -> impl Fn(&Method) + Clone + Send + Sync + 'static {
        let requests = self.kubernetes_requests.clone();
        move |method| {
            let method = METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("other");
            requests.get_or_create(&RequestLabels { method }).inc();
        }
    }

    /// Replaces the rights that the operator does not have.
    pub(crate) fn set_missing_rights(&self, rights: &[String]) {
        self.missing_rights.clear();
        for right in rights {
            self.missing_rights.get_or_create(&RightLabels { right: right.clone() }).set(1);
        }
    }

    /// Sets whether the cluster enforces network policies; `None` if that is not known.
    pub(crate) fn set_network_policies_enforced(&self, enforced: Option<bool>) {
        *self.network_policies_enforced.0.lock().unwrap_or_else(PoisonError::into_inner) = enforced;
    }

    /// Counts an object that a controller has refused, since it takes too much memory.
    pub(crate) fn count_refused_object(&self, controller: &'static str) {
        self.refused_objects.get_or_create(&ControllerLabels { controller }).inc();
    }
}

/// Registers the results of the operator's checks of itself and of the cluster.
fn register_checks(
    to: &mut registry::Registry,
    missing_rights: Family<RightLabels, Gauge>,
    enforced: Enforced,
) {
    let help = "1 for each right that the operator needs and does not have";
    to.register("missing_rights", help, missing_rights);
    to.register_collector(Box::new(enforced));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metric of network policies is absent while nothing is known, so that an alert on 0 is never a guess.
    #[test]
    fn what_is_not_known_has_no_metric() {
        let registry = Registry::default();
        let metrics = Metrics::new(&registry);
        for (known, line) in [
            (None, ""),
            (Some(false), "smb_operator_network_policies_enforced 0"),
            (Some(true), "smb_operator_network_policies_enforced 1"),
        ] {
            metrics.set_network_policies_enforced(known);
            let text = registry.encode().unwrap();
            let found = text.lines().find(|line| line.starts_with("smb_operator_network_policies_enforced"));
            assert_eq!(found.unwrap_or_default(), line);
        }
    }
}
