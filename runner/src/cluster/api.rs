//! Operations of the API server that the runner uses, as a trait that tests implement in memory.

use crds::{WorkflowRun, WorkflowSpec, run::Cancel};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::cluster::{
    errors::{CreateError, ReadError, WriteError},
    tenant::TenantConfig,
};

/// Workflow in the revision to which a run is pinned.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    /// Name of the Workflow.
    pub(crate) workflow: String,
    pub(crate) spec: WorkflowSpec,
}

/// Change of a sub-run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ChildRunEvent {
    /// The sub-run exists in this version.
    Applied(Box<WorkflowRun>),
    /// The sub-run with this name was deleted.
    Deleted(String),
}

/// Kubernetes API, limited to the tenant's namespace.
pub(crate) trait ClusterApi: Send + Sync {
    /// Returns the run in its current version, or `None` if it does not exist.
    fn run(&self, name: &str) -> impl Future<Output = Result<Option<WorkflowRun>, ReadError>> + Send;

    /// Returns the workflow revision with this name.
    fn revision(&self, name: &str) -> impl Future<Output = Result<Revision, ReadError>> + Send;

    /// Returns the configuration of the tenant, which the operator maintains.
    fn tenant(&self) -> impl Future<Output = Result<TenantConfig, ReadError>> + Send;

    /// Applies a JSON patch (RFC 6902) to the run's status and returns the new version of the run.
    ///
    /// The patch sets `metadata.resourceVersion`, so the API server refuses it unless that is the current version.
    /// It is not a merge patch, because in that format (RFC 7386) `null` removes a field, which would drop every
    /// `null` inside outputs.
    fn patch_status(
        &self,
        name: &str,
        patch: &[Value],
    ) -> impl Future<Output = Result<WorkflowRun, WriteError>> + Send;

    /// Creates a sub-run. An existing one of the same parent and step, with the same content, counts as created.
    fn create_run(&self, run: &WorkflowRun) -> impl Future<Output = Result<(), CreateError>> + Send;

    /// Sets `spec.cancel` of a run. Does nothing if the run does not exist or its cancellation is already set.
    fn cancel_run(&self, name: &str, cancel: Cancel) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Sends all sub-runs of the parent with this name, and then their changes, until the receiver is dropped.
    fn watch_child_runs(
        &self,
        parent: String,
        to: mpsc::Sender<ChildRunEvent>,
    ) -> impl Future<Output = ()> + Send;
}
