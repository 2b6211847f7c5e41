//! Forms of approvals, in the revision that a run executes. The workflow may have been changed or deleted since.

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, Client, api::GetParams, core::Request};
use serde::Deserialize;
use serde_json::Value;

use crate::app::{
    Error,
    kubernetes::{failure, with_timeout},
};

/// The parts of a ControllerRevision that are decoded. The others may take a hundred times the memory of their text.
#[derive(Deserialize)]
struct Revision {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    on_exit: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    name: String,
    approval: Option<Approval>,
}

/// All schemas of a workflow together have at most 64 KiB.
#[derive(Deserialize)]
struct Approval {
    schema: Option<Value>,
}

/// Returns the form of an approval step in a revision. Returns `None` if it has none, or if the revision was deleted.
///
/// # Errors
/// Returns an error if the API server does not answer in time or refuses the request.
pub(super) async fn read(
    client: &Client,
    namespace: &str,
    revision: &str,
    step: &str,
) -> Result<Option<Value>, Error> {
    let action = "read the revision of the run";
    let api = Api::<ControllerRevision>::namespaced(client.clone(), namespace);
    let request = Request::new(api.resource_url()).get(revision, &GetParams::default());
    let request = request.map_err(|error| failure(action, kube::Error::BuildRequest(error)))?;
    match with_timeout(action, client.request::<Revision>(request)).await? {
        Ok(Revision { data: Data { spec } }) => Ok(form_of(spec, step)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(failure(action, error)),
    }
}

fn form_of(Spec { steps, on_exit }: Spec, name: &str) -> Option<Value> {
    let mut steps = steps.into_iter().chain(on_exit);
    steps.find(|step| step.name == name)?.approval?.schema
}
