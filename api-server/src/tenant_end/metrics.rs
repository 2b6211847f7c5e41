//! Metrics of the end of tenants.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use telemetry::Registry;

/// Metrics of the end of tenants; clones share their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    /// Exports that are being written.
    pub(super) exports: Gauge,
    /// Rows that were exported.
    pub(super) rows: Counter,
    /// Bytes of rows that were exported.
    pub(super) bytes: Counter,
    failures: Family<Labels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    work: &'static str,
}

impl Metrics {
    /// Creates the metrics and registers them for `/metrics`.
    pub(super) fn registered(registry: &Registry) -> Self {
        let metrics = Self::default();
        registry.register("tenant_end", |registry| {
            let (exports, rows) = (metrics.exports.clone(), metrics.rows.clone());
            registry.register("exports", "Exports of archived tenants that are being written", exports);
            registry.register("exported_rows", "Rows of archived tenants that were exported", rows);
            registry.register(
                "exported_bytes",
                "Bytes of the rows that were exported, without stored outputs",
                metrics.bytes.clone(),
            );
            registry.register(
                "failures",
                "Exports and deletions of tenants' data that have failed and are retried",
                metrics.failures.clone(),
            );
        });
        metrics
    }

    /// Counts a failure of an export or a deletion.
    pub(super) fn count_failure(&self, work: &'static str) {
        self.failures.get_or_create(&Labels { work }).inc();
    }
}
