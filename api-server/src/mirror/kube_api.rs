//! The API server, as the mirror talks to it: objects as they come, whatever is in them.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    core::{ApiResource, DynamicObject},
};
use uuid::Uuid;

use super::Error;
use crate::project::{Kind, Object};

/// One request; a page of 500 large objects takes a second or two.
const REQUEST: Duration = Duration::from_secs(30);

/// All objects of a kind, in all namespaces.
pub(super) fn all(client: &Client, kind: Kind) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource(kind))
}

/// Objects of a kind in one namespace.
pub(super) fn namespaced(client: &Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind))
}

/// What the API server calls a kind.
pub(super) fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::Plan => ApiResource::erase::<crds::Plan>(&()),
        Kind::Tenant => ApiResource::erase::<crds::Tenant>(&()),
        Kind::Workflow => ApiResource::erase::<crds::Workflow>(&()),
        Kind::WorkflowRun => ApiResource::erase::<crds::WorkflowRun>(&()),
    }
}

/// The uid of the cluster: that of `kube-system`, which lives as long as the cluster does.
pub(super) async fn cluster_uid(client: &Client) -> Result<Uuid, Error> {
    let action = "read namespace kube-system";
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = bounded(action, namespaces.get("kube-system")).await?;
    let uid = namespace.uid().unwrap_or_default();
    uid.parse().map_err(|error: uuid::Error| Error::Answer(error.into()))
}

/// A request with a bound; the client's own retries would take minutes.
pub(super) async fn bounded<T>(
    action: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST, request).await {
        Ok(answer) => answer.map_err(Error::kubernetes(action)),
        Err(_) => Err(Error::Timeout { action, seconds: REQUEST.as_secs() }),
    }
}

/// The object as it is.
pub(super) fn object(kind: Kind, object: DynamicObject) -> Result<Object, Error> {
    let raw = serde_json::to_value(object).map_err(|error| Error::Answer(error.into()))?;
    Object::new(kind, raw).map_err(|error| Error::Answer(error.into()))
}

/// A version as a number.
pub(super) fn version(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|error: std::num::ParseIntError| Error::Answer(error.into()))
}
