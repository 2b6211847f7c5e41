//! What the mirror counts.

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

/// The mirror's metrics; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    changes: Family<Labels, Counter>,
    leading: Gauge,
}

impl Metrics {
    /// Counters that `/metrics` shows.
    pub(super) fn registered(registry: &Registry) -> Self {
        let metrics = Self::default();
        registry.register("mirror", |registry| {
            registry.register("changes", "Objects read and taken in", metrics.changes.clone());
            registry.register("leading", "1 while this process mirrors", metrics.leading.clone());
        });
        metrics
    }

    /// Whether this process mirrors now.
    pub(super) fn leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }

    /// Counts the objects of a batch.
    pub(super) fn applied(&self, batch: &[Change]) {
        for change in batch {
            let kind: Kind = match change {
                Change::Put(object) => object.identity.kind,
                Change::Gone(identity) => identity.kind,
                Change::Listing { .. } | Change::Listed(_) | Change::Reached { .. } => continue,
            };
            self.changes.get_or_create(&Labels { kind: kind.as_str() }).inc();
        }
    }
}
