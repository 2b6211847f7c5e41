//! A condition of ours, applied to one version of an object.

use crds::conditions::{self, ConditionUpdate};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{ObjectMeta, Patch};
use serde_json::json;

use super::Write;
use crate::{mirror::kube_api, project::Kind};

/// An object at a version, and what it says of our condition then.
pub(super) struct Seen<'a> {
    pub(super) kind: Kind,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) resource_version: i64,
    pub(super) condition: Option<Condition>,
}

/// The write that sets the condition, which is the only one of ours on such an object; none where it says so already.
pub(super) fn write(seen: Seen<'_>, now: ConditionUpdate<'_>, at: Timestamp) -> Option<Write> {
    let Seen { kind, namespace, name, resource_version, condition } = seen;
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
    Some(Write {
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        patch: Patch::Apply(object),
    })
}
