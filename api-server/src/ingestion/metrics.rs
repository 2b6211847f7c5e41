//! Metrics of the worker.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use telemetry::Registry;

/// Metrics of the worker; clones share their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    documents: Family<Labels, Counter>,
    chunks: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Metrics {
    /// Creates the metrics and registers them for `/metrics`.
    pub(super) fn registered(registry: &Registry) -> Self {
        let metrics = Self::default();
        registry.register("documents", |registry| {
            registry.register(
                "processed",
                "Documents that were processed, by outcome: ready, refreshed, deleted, failed, retried or released",
                metrics.documents.clone(),
            );
            registry.register("chunks", "Chunks of documents that were stored", metrics.chunks.clone());
        });
        metrics
    }

    /// Counts a document.
    pub(super) fn count(&self, outcome: &'static str) {
        self.documents.get_or_create(&Labels { outcome }).inc();
    }

    /// Counts stored chunks.
    pub(super) fn count_chunks(&self, chunks: usize) {
        self.chunks.inc_by(u64::try_from(chunks).unwrap_or_default());
    }
}
