//! All requests that create or change runs in Kubernetes.

use std::time::Duration;

use crds::{WorkflowRun, run::Decision};
use domain::run::is_same_run;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{app::Error, store::CancelMode};

/// Time limit of a request to the Kubernetes API, which normally takes some milliseconds. A caller that would
/// have to wait longer gets an error.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
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
    match with_timeout(action, api.create(&params, run)).await? {
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

async fn with_timeout<T>(
    action: &'static str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<kube::Result<T>, Error> {
    let timed_out = |_| Error::KubernetesTimeout { action, seconds: REQUEST_TIMEOUT.as_secs() };
    tokio::time::timeout(REQUEST_TIMEOUT, call).await.map_err(timed_out)
}

fn failure(action: &'static str, error: kube::Error) -> Error {
    match error {
        kube::Error::Api(status) if status.is_not_found() => Error::NotFound,
        // The message of the schema, a CEL rule or an admission policy addresses the author of the object.
        kube::Error::Api(status) if status.is_invalid() => {
            Error::Refused { action, message: status.message.clone() }
        }
        kube::Error::Api(status) if status.is_forbidden() => match exceeded_quota(&status.message) {
            Some((used, limit)) => Error::PlanLimitReached { action, used, limit },
            None => Error::Kubernetes { action, source: kube::Error::Api(status) },
        },
        source => Error::Kubernetes { action, source },
    }
}

/// Returns the used and the maximum number of objects, if a message of the API server says that the quota of the namespace
/// is exhausted, as in `exceeded quota: smb-tenant, requested: count/…=1, used: count/…=200, limited: count/…=200`.
fn exceeded_quota(message: &str) -> Option<(u64, u64)> {
    let (_, amounts) = message.split_once("exceeded quota: ")?;
    let amount = |name: &str| {
        let (_, rest) = amounts.split_once(name)?;
        let (_, number) = rest.split(", ").next()?.split_once('=')?;
        number.parse().ok()
    };
    Some((amount("used: ")?, amount("limited: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal by the quota of the tenant is recognised, with both numbers.
    #[test]
    fn a_refusal_by_the_quota_is_recognised() {
        let refused = "workflowruns.smbcopilot.dev \"order-7\" is forbidden: exceeded quota: smb-tenant, requested: \
                       count/workflowruns.smbcopilot.dev=1, used: count/workflowruns.smbcopilot.dev=200, limited: \
                       count/workflowruns.smbcopilot.dev=250";
        assert_eq!(exceeded_quota(refused), Some((200, 250)));
        assert_eq!(exceeded_quota("User \"anna\" cannot create resource \"workflowruns\""), None);
    }
}
