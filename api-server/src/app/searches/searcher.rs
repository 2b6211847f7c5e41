//! What searches need besides the database.

use prometheus_client::metrics::counter::Counter;
use telemetry::Registry;

use crate::vectors::Vectors;

/// Vector database with the metrics of searches. Clones share both.
#[derive(Clone)]
pub struct Searcher {
    pub(super) vectors: Vectors,
    stale: Counter,
}

impl Searcher {
    /// Creates the metrics and registers them for `/metrics`.
    #[must_use]
    pub fn new(vectors: Vectors, registry: &Registry) -> Self {
        let stale = Counter::default();
        registry.register("searches", |registry| {
            let help =
                "Points that searches have found and ignored: those of replaced chunks and of documents that are not ready";
            registry.register("stale_points", help, stale.clone());
        });
        Self { vectors, stale }
    }

    /// Counts points without chunks.
    pub(super) fn count_stale(&self, points: usize) {
        self.stale.inc_by(u64::try_from(points).unwrap_or_default());
    }
}
