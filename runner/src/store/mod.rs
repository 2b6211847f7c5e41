//! What the runner reads and writes of Kubernetes.

mod errors;
mod kubernetes;
mod revision;
mod tenant;

use crds::{WorkflowRun, WorkflowSpec};
use serde_json::Value;

pub(crate) use errors::{ReadError, WriteError};
pub(crate) use kubernetes::Kubernetes;
pub(crate) use tenant::Tenant;

/// A workflow as it was when the run was pinned to it.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    /// The Workflow's name.
    pub(crate) workflow: String,
    pub(crate) spec: WorkflowSpec,
}

/// The API server, or what stands for it in a test.
pub(crate) trait Store: Send + Sync {
    /// The run as it is now; `None` when it is gone.
    fn run(&self, name: &str) -> impl Future<Output = Result<Option<WorkflowRun>, ReadError>> + Send;

    /// The revision that a run is pinned to.
    fn revision(&self, name: &str) -> impl Future<Output = Result<Revision, ReadError>> + Send;

    /// What the operator says about the tenant.
    fn tenant(&self) -> impl Future<Output = Result<Tenant, ReadError>> + Send;

    /// Applies a JSON patch (RFC 6902) to the run's status. It sets `metadata.resourceVersion`, and is refused if
    /// that is not the current one. Returns the run as it is then.
    ///
    /// Not a merge patch: that drops every `null` inside outputs (RFC 7386 has no other way to say "remove").
    fn patch_status(
        &self,
        name: &str,
        patch: &[Value],
    ) -> impl Future<Output = Result<WorkflowRun, WriteError>> + Send;
}
