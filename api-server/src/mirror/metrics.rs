//! Metrics of the mirror.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use telemetry::Registry;

use super::change::Change;
use crate::project::Kind;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

/// Metrics of the mirror; clones share their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    changes: Family<Labels, Counter>,
    leading: Gauge,
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

    /// Counts the object changes of a batch that was applied.
    pub(super) fn count_changes(&self, batch: &[Change]) {
        for change in batch {
            let kind: Kind = match change {
                Change::Upserted(object) => object.identity.kind,
                Change::Deleted(identity) => identity.kind,
                Change::ListStarted { .. } | Change::ListCompleted(_) | Change::Bookmark { .. } => continue,
            };
            self.changes.get_or_create(&Labels { kind: kind.into() }).inc();
        }
    }
}
