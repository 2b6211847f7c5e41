//! Writes to the status of a run, on condition that it has not changed since the snapshot.

use crds::{WorkflowRun, run::QueueStatus};
use jiff::Timestamp;
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use super::{observe::Snapshot, status};
use crate::{
    api::{merge_status, within},
    errors::Error,
    state::Revision,
};

/// Writes a patch to the status of a run.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the patch, and a conflict if another client has
/// written the run since the snapshot.
pub(super) async fn write_status(client: &Client, snapshot: &Snapshot, patch: Value) -> Result<(), Error> {
    write_status_of_run(client, &snapshot.run, patch).await
}

/// Writes a patch to the status of any run.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the patch, and a conflict if another client has
/// written the run since it was read.
pub(super) async fn write_status_of_run(
    client: &Client,
    run: &WorkflowRun,
    patch: Value,
) -> Result<(), Error> {
    let api = within::<WorkflowRun>(client, &run.namespace().unwrap_or_default());
    let version = run.resource_version().unwrap_or_default();
    let patch = status::with_trigger(run, patch);
    merge_status(&api, &run.name_any(), &version, patch).await.map(|_| ())
}

/// Writes why a run waits, unless its status says so already.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the patch, and a conflict if another client has
/// written the run since the snapshot.
pub(super) async fn write_queued(
    client: &Client,
    snapshot: &Snapshot,
    revision: Option<&Revision>,
    queue: &QueueStatus,
) -> Result<(), Error> {
    let now = telemetry::clock::now();
    match status::queued(snapshot, revision.map(Revision::reference), queue, now) {
        Some(patch) => write_status(client, snapshot, patch).await,
        None => Ok(()),
    }
}

/// Writes what keeps the pod of a run that its runner has begun from starting one of its containers, unless the status says so
/// already.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the patch, and a conflict if another client has
/// written the run since the snapshot.
pub(super) async fn write_pod_problem(
    client: &Client,
    snapshot: &Snapshot,
    problem: Option<&QueueStatus>,
    now: Timestamp,
) -> Result<(), Error> {
    match status::pod_problem(snapshot, problem, now) {
        Some(patch) => write_status(client, snapshot, patch).await,
        None => Ok(()),
    }
}
