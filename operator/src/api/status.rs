//! Writes to the status subresource.

use crds::{Tenant, TenantStatus, constants::MAX_RUN_BYTES};
use domain::schema::json_size;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Readable, failed};
use crate::errors::{Error, Verb};

/// Applies the fields of a status that the operator owns. Those of other managers (`Mirrored`, `Archived`) are preserved.
///
/// # Errors
/// Returns an error if the status is too large, or if the API server cannot be reached or refuses it.
pub(crate) async fn apply_status<K: Readable>(
    api: &Api<K>,
    name: &str,
    status: &impl Serialize,
) -> Result<K, Error> {
    let metadata = json!({"name": name});
    apply_status_as(crds::constants::OPERATOR_MANAGER, api, &metadata, status).await
}

/// Applies the fields of a tenant's status that concern its vector storage. They have a manager of their own, since they are
/// written independently of the others.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the status, and a conflict if `tenant` was replaced by
/// another object of the same name.
pub(crate) async fn apply_vector_status(
    client: &Client,
    tenant: &Tenant,
    status: &TenantStatus,
) -> Result<Tenant, Error> {
    let metadata = json!({"name": tenant.name_any(), "uid": tenant.uid()});
    apply_status_as(crds::constants::VECTOR_MANAGER, &Api::all(client.clone()), &metadata, status).await
}

async fn apply_status_as<K: Readable>(
    manager: &str,
    api: &Api<K>,
    metadata: &Value,
    status: &impl Serialize,
) -> Result<K, Error> {
    let name = metadata["name"].as_str().unwrap_or_default();
    let status = serde_json::to_value(status).map_err(|source| Error::Encode { what: "a status", source })?;
    check_size::<K>(name, &status)?;
    let object = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": metadata,
        "status": status,
    });
    let params = PatchParams::apply(manager).force();
    api.patch_status(name, &params, &Patch::Apply(&object)).await.map_err(failed(
        Verb::PatchStatus,
        api,
        name,
    ))
}

/// Merges a patch into a status, on condition that the object still has resource version `version`.
///
/// # Errors
/// Returns an error if the patch is too large, if the API server cannot be reached or refuses the patch, and a conflict if
/// another client has written the object since.
pub(crate) async fn merge_status<K: Readable>(
    api: &Api<K>,
    name: &str,
    version: &str,
    status: Value,
) -> Result<K, Error> {
    check_size::<K>(name, &status)?;
    let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
    let params = PatchParams {
        field_manager: Some(crds::constants::OPERATOR_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    api.patch_status(name, &params, &Patch::Merge(&patch)).await.map_err(failed(Verb::PatchStatus, api, name))
}

/// Refuses a status with which the object would certainly be too large. The API server would answer with status 500, which
/// looks like a temporary failure.
fn check_size<K: Readable>(name: &str, status: &Value) -> Result<(), Error> {
    let (bytes, limit) = (json_size(status), MAX_RUN_BYTES);
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::TooLarge { kind: K::kind(&()).into_owned(), name: name.to_owned(), bytes, limit })
}

#[cfg(test)]
mod tests {
    use crds::WorkflowRun;

    use super::*;

    /// A status that is too large is refused with its size and the limit, and its object is set aside.
    #[test]
    fn a_status_that_is_too_large_is_refused_with_both_numbers() {
        assert!(check_size::<WorkflowRun>("order-7", &json!({"output": "x".repeat(1_000_000)})).is_ok());
        let error =
            check_size::<WorkflowRun>("order-7", &json!({"output": "x".repeat(MAX_RUN_BYTES)})).unwrap_err();
        assert_eq!(error.class(), crate::errors::Class::SetAside);
        let message = error.to_string();
        assert!(message.contains("1048589 bytes") && message.contains("1048576"), "{message}");
    }
}
