//! Writes to the status subresource.

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Applies the part of a status that is ours; the parts of others (`Mirrored`, `Archived`) stay.
///
/// # Errors
/// The API server refuses it.
pub(crate) async fn apply_status<K: Readable>(api: &Api<K>, name: &str, status: Value) -> Result<K, Error> {
    let object = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": name},
        "status": status,
    });
    let ours = PatchParams::apply(crds::constants::OPERATOR_MANAGER).force();
    api.patch_status(name, &ours, &Patch::Apply(&object)).await.map_err(failed(Verb::PatchStatus, api, name))
}

/// Merges into a status, on condition that nobody else wrote since `version`.
///
/// # Errors
/// A conflict when somebody did; or the API server refuses it.
pub(crate) async fn merge_status<K: Readable>(
    api: &Api<K>,
    name: &str,
    version: &str,
    status: Value,
) -> Result<K, Error> {
    let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
    let ours = PatchParams {
        field_manager: Some(crds::constants::OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_status(name, &ours, &Patch::Merge(&patch)).await.map_err(failed(Verb::PatchStatus, api, name))
}
