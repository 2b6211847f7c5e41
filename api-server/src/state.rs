//! What every request handler can reach.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Runners, Verifier},
    db::{AppPool, MirrorPool},
    http::Metrics,
    objects::Objects,
    store::CursorKey,
};

/// Shared by all requests; clones are cheap.
#[derive(Clone)]
pub struct AppState {
    /// Reads, one tenant at a time.
    pub db: AppPool,
    /// Lets a caller read its own write at once: `mirror::apply_one`.
    pub mirror: MirrorPool,
    /// Writes Plans, Tenants, Workflows and WorkflowRuns.
    pub kube: kube::Client,
    /// Knows which tokens to trust.
    pub verifier: Arc<Verifier>,
    /// Knows which pods hold which runs.
    pub runners: Arc<Runners>,
    /// Where large values are; `None` where no storage is configured.
    pub objects: Option<Objects>,
    /// Signs cursors.
    pub cursors: CursorKey,
    /// Counts requests.
    pub metrics: Metrics,
    /// Cancelled when the process is asked to leave: requests that wait for a run are answered then.
    pub stop: CancellationToken,
}
