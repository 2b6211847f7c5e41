//! Applies a condition that the api-server owns to one version of an object.

use crds::conditions::{self, ConditionUpdate};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{ObjectMeta, Patch};
use serde_json::json;

use super::StatusPatch;
use crate::{mirror::kube_api, project::Kind};

/// An object at a resource version, with the condition that it has at that version.
pub(super) struct ObservedObject<'a> {
    pub(super) kind: Kind,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) resource_version: i64,
    pub(super) condition: Option<Condition>,
}

/// Builds the patch that sets the condition, which is the only one that the api-server owns on such an object. Returns
/// `None` if the object already has the condition.
pub(super) fn patch(
    observed: ObservedObject<'_>,
    now: ConditionUpdate<'_>,
    at: Timestamp,
) -> Option<StatusPatch> {
    let ObservedObject { kind, namespace, name, resource_version, condition } = observed;
    let mut conditions = Vec::from_iter(condition);
    if !conditions::set(&mut conditions, now, Time(at)) {
        return None;
    }
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        resource_version: Some(resource_version.to_string()),
        ..ObjectMeta::default()
    };
    let resource = kube_api::resource(kind);
    let object = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "status": {"conditions": conditions},
    });
    Some(StatusPatch {
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        patch: Patch::Apply(object),
    })
}
