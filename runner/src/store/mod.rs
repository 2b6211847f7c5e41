//! What the runner reads and writes of Kubernetes.

mod children;
mod errors;
mod kubernetes;
mod revision;
mod tenant;

use crds::{WorkflowRun, WorkflowSpec, run::Cancel};
use serde_json::Value;
use tokio::sync::mpsc;

pub(crate) use errors::{CreateError, ReadError, WriteError};
pub(crate) use kubernetes::Kubernetes;
pub(crate) use tenant::Tenant;

/// A workflow as it was when the run was pinned to it.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    /// The Workflow's name.
    pub(crate) workflow: String,
    pub(crate) spec: WorkflowSpec,
}

/// Something happened to a sub-run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ChildEvent {
    /// It is now like this.
    Seen(Box<WorkflowRun>),
    /// It was deleted.
    Gone(String),
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

    /// Creates a sub-run. One that is there already counts as created, if it is of the same parent and place.
    fn create_run(&self, run: &WorkflowRun) -> impl Future<Output = Result<(), CreateError>> + Send;

    /// Sets a run's `spec.cancel`. One that is gone, or has been cancelled otherwise, is left as it is.
    fn cancel_run(&self, name: &str, cancel: Cancel) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Reports on all runs whose parent has this name, those that are there first, until nobody listens.
    fn watch_children(&self, parent: String, to: mpsc::Sender<ChildEvent>)
    -> impl Future<Output = ()> + Send;
}
