//! Runs in Kubernetes: the only place where they are created and changed.

use std::time::Duration;

use crds::{WorkflowRun, run::Decision};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    core::Status,
};
use serde_json::json;

use super::build::REQUEST_ANNOTATION;
use crate::{app::Error, store::CancelMode};

/// A write takes some milliseconds; a caller who waits longer is better told that Kubernetes is slow.
const BOUND: Duration = Duration::from_secs(5);
const MANAGER: &str = crds::constants::API_SERVER_MANAGER;

/// Creates a run; or gives back the one of that name, if it was created by the same request.
///
/// # Errors
/// Another request has created a run of that name, Kubernetes refuses it, or does not answer in time.
pub(super) async fn create(
    client: &Client,
    namespace: &str,
    run: &WorkflowRun,
) -> Result<WorkflowRun, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let action = "create the run";
    match bounded(action, api.create(&params, run)).await? {
        Ok(created) => Ok(created),
        Err(kube::Error::Api(status)) if status.is_already_exists() => existing(&api, run).await,
        Err(error) => Err(failure(action, error)),
    }
}

async fn existing(api: &Api<WorkflowRun>, run: &WorkflowRun) -> Result<WorkflowRun, Error> {
    let action = "read the run that exists";
    let found = bounded(action, api.get(&run.name_any())).await?.map_err(|error| failure(action, error))?;
    let request = |run: &WorkflowRun| run.annotations().get(REQUEST_ANNOTATION).cloned();
    if request(&found) == request(run) { Ok(found) } else { Err(Error::KeyReused) }
}

/// Asks a run to stop. A merge patch of the one field: an apply by our manager would take away all others that we
/// own, and would create a run that has just gone.
///
/// # Errors
/// The run is gone or refuses, or Kubernetes does not answer in time.
pub(super) async fn cancel(
    client: &Client,
    namespace: &str,
    name: &str,
    mode: CancelMode,
) -> Result<WorkflowRun, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let mode = match mode {
        CancelMode::Graceful => crds::run::Cancel::Graceful,
        CancelMode::Now => crds::run::Cancel::Now,
    };
    let patch = Patch::Merge(json!({"spec": {"cancel": mode}}));
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let action = "cancel the run";
    bounded(action, api.patch(name, &params, &patch)).await?.map_err(|error| failure(action, error))
}

/// A run as it is now.
///
/// # Errors
/// The run is gone, or Kubernetes does not answer in time.
pub(super) async fn get(client: &Client, namespace: &str, name: &str) -> Result<WorkflowRun, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let action = "read the run";
    bounded(action, api.get(name)).await?.map_err(|error| failure(action, error))
}

/// Adds a decision to a run, if it is still as it was read; `None` if it is not.
///
/// # Errors
/// The run is gone or refuses, or Kubernetes does not answer in time.
pub(super) async fn decide(
    client: &Client,
    namespace: &str,
    run: &WorkflowRun,
    decision: &Decision,
) -> Result<Option<WorkflowRun>, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let decisions: Vec<_> = run.spec.decisions.iter().chain([decision]).collect();
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": run.resource_version()},
        "spec": {"decisions": decisions},
    }));
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let action = "decide";
    match bounded(action, api.patch(&run.name_any(), &params, &patch)).await? {
        Ok(run) => Ok(Some(run)),
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(None),
        Err(error) => Err(failure(action, error)),
    }
}

async fn bounded<T>(
    action: &'static str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<kube::Result<T>, Error> {
    let slow = |_| Error::KubernetesSlow { action, seconds: BOUND.as_secs() };
    tokio::time::timeout(BOUND, call).await.map_err(slow)
}

fn failure(action: &'static str, error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.is_not_found() => Error::NotFound,
        // What the schema, a rule or an admission policy says is meant for the one who wrote the object.
        kube::Error::Api(status) if status.is_invalid() => {
            Error::Refused { action, message: message(&status) }
        }
        source => Error::Kubernetes { action, source },
    }
}

fn message(status: &Status) -> String {
    status.message.clone()
}
