//! All requests that create or change runs in Kubernetes.

use crds::{WorkflowRun, run::Decision};
use domain::run::is_same_run;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{
        Error,
        kubernetes::{failure, with_timeout},
    },
    store::CancelMode,
};

const FIELD_MANAGER: &str = crds::constants::API_SERVER_MANAGER;

/// Creates a run, or returns the existing run of that name if the same request created it.
///
/// # Errors
/// Returns an error if another request created a run of that name, or if the API server refuses the run or does not
/// answer in time.
pub(super) async fn create(
    client: &Client,
    namespace: &str,
    run: &WorkflowRun,
) -> Result<WorkflowRun, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let action = "create the run";
    match with_timeout(action, k8s_client::create(&api, &params, run)).await? {
        Ok(created) => Ok(created),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            created_by_same_request(&api, run).await
        }
        Err(error) => Err(failure(action, error)),
    }
}

/// Returns the existing run of that name if its request is the same.
async fn created_by_same_request(api: &Api<WorkflowRun>, run: &WorkflowRun) -> Result<WorkflowRun, Error> {
    let action = "read the run that exists";
    let found =
        with_timeout(action, api.get(&run.name_any())).await?.map_err(|error| failure(action, error))?;
    if is_same_run(&found.spec, &run.spec) { Ok(found) } else { Err(Error::KeyReused) }
}

/// Cancels a run with a merge patch of the one field. A server-side apply would remove all other fields that the
/// manager owns, and would create a run that was just deleted.
///
/// # Errors
/// Returns an error if the run was deleted, or if the API server refuses the change or does not answer in time.
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
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let action = "cancel the run";
    with_timeout(action, api.patch(name, &params, &patch)).await?.map_err(|error| failure(action, error))
}

/// Deletes a finished run. Succeeds if the object with this UID does not exist any more.
///
/// # Errors
/// Returns an error if the API server refuses the deletion or does not answer in time.
pub(super) async fn delete(client: &Client, namespace: &str, name: &str, uid: Uuid) -> Result<(), Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let preconditions = Preconditions { uid: Some(uid.to_string()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    let action = "delete the run";
    match with_timeout(action, api.delete(name, &params)).await? {
        Ok(_) => Ok(()),
        // An object of this name with another UID is another run.
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        Err(error) => Err(failure(action, error)),
    }
}

/// Returns the current state of a run.
///
/// # Errors
/// Returns an error if the run was deleted or the API server does not answer in time.
pub(super) async fn get(client: &Client, namespace: &str, name: &str) -> Result<WorkflowRun, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let action = "read the run";
    with_timeout(action, api.get(name)).await?.map_err(|error| failure(action, error))
}

/// Adds a decision to a run, or replaces the one with its key; returns `None` if the run has changed since it was read.
///
/// # Errors
/// Returns an error if the run was deleted, or if the API server refuses the change or does not answer in time.
pub(super) async fn decide(
    client: &Client,
    namespace: &str,
    run: &WorkflowRun,
    decision: &Decision,
) -> Result<Option<WorkflowRun>, Error> {
    let api = Api::<WorkflowRun>::namespaced(client.clone(), namespace);
    let others = run.spec.decisions.iter().filter(|other| other.key != decision.key);
    let decisions: Vec<_> = others.chain([decision]).collect();
    let patch = Patch::Merge(json!({
        "metadata": {"resourceVersion": run.resource_version()},
        "spec": {"decisions": decisions},
    }));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let action = "decide";
    match with_timeout(action, api.patch(&run.name_any(), &params, &patch)).await? {
        Ok(run) => Ok(Some(run)),
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(None),
        Err(error) => Err(failure(action, error)),
    }
}
