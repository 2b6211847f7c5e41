//! Access to the custom resources in Kubernetes as untyped objects, so that a malformed object never stops a
//! list or a watch.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    core::{ApiResource, DynamicObject},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use crate::project::{Kind, Object};

/// Timeout of one request; a page of large objects takes a second or two.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the API for the objects of a kind in all namespaces.
pub(super) fn all(client: &Client, kind: Kind) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource(kind))
}

/// Returns the API for the objects of a kind in one namespace.
pub(super) fn namespaced(client: &Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(kind))
}

/// Returns the API resource (group, version, kind and plural) of a kind.
pub(super) fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::Plan => ApiResource::erase::<crds::Plan>(&()),
        Kind::Tenant => ApiResource::erase::<crds::Tenant>(&()),
        Kind::Workflow => ApiResource::erase::<crds::Workflow>(&()),
        Kind::WorkflowRun => ApiResource::erase::<crds::WorkflowRun>(&()),
    }
}

/// Returns the UID of the cluster: that of the namespace `kube-system`, which exists as long as the cluster
/// does.
pub(super) async fn cluster_uid(client: &Client) -> Result<Uuid, Error> {
    let action = "read namespace kube-system";
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = with_timeout(action, namespaces.get("kube-system")).await?;
    let uid = namespace.uid().unwrap_or_default();
    uid.parse().map_err(|error: uuid::Error| Error::InvalidResponse(error.into()))
}

/// Awaits a request for at most [`REQUEST_TIMEOUT`]; the retries of the client itself would take minutes.
pub(super) async fn with_timeout<T>(
    action: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(response) => response.map_err(Error::kubernetes(action)),
        Err(_) => Err(Error::Timeout { action, seconds: REQUEST_TIMEOUT.as_secs() }),
    }
}

/// Parses JSON text of a response.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(text).map_err(|error| Error::InvalidResponse(error.into()))
}

/// Converts the JSON of an object to the form that `project` reads.
pub(super) fn raw_object(kind: Kind, raw: Value) -> Result<Object, Error> {
    Object::new(kind, raw).map_err(|error| Error::InvalidResponse(error.into()))
}

/// Parses a resource version.
pub(super) fn version(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|error: std::num::ParseIntError| Error::InvalidResponse(error.into()))
}
