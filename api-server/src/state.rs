//! What every request handler can reach.

use std::sync::Arc;

use crate::{
    auth::Verifier,
    db::{AppPool, MirrorPool},
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
    /// Signs cursors.
    pub cursors: CursorKey,
}
