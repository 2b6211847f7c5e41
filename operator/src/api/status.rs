//! Writes to the status subresource.

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Applies the fields of a status that the operator owns. Those of other managers (`Mirrored`, `Archived`) are preserved.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the status.
pub(crate) async fn apply_status<K: Readable>(
    api: &Api<K>,
    name: &str,
    status: &impl Serialize,
) -> Result<K, Error> {
    let status = serde_json::to_value(status).map_err(|source| Error::Encode { what: "a status", source })?;
    let object = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": name},
        "status": status,
    });
    let params = PatchParams::apply(crds::constants::OPERATOR_MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(&object)).await.map_err(failed(
        Verb::PatchStatus,
        api,
        name,
    ))
}

/// Merges a patch into a status, on condition that the object still has resource version `version`.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the patch, and a conflict if another client has
/// written the object since.
pub(crate) async fn merge_status<K: Readable>(
    api: &Api<K>,
    name: &str,
    version: &str,
    status: Value,
) -> Result<K, Error> {
    let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
    let params = PatchParams {
        field_manager: Some(crds::constants::OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_status(name, &params, &Patch::Merge(&patch)).await.map_err(failed(Verb::PatchStatus, api, name))
}
