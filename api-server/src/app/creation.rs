//! Requests that create objects in Kubernetes. They are not applied, since that would change an existing object of the name.

use crds::constants::API_SERVER_MANAGER as FIELD_MANAGER;
use kube::{Api, ResourceExt as _, api::PostParams};
use serde_json::json;

use super::{
    Error, audit,
    change_object::Declared,
    field_names,
    kubernetes::{failure, with_timeout},
};

/// Result of a creation.
pub(super) enum Creation<K> {
    /// The object was created.
    Created(K),
    /// An object of this name exists.
    Exists(K),
}

/// Creates an object, or only checks that it could be created.
///
/// # Errors
/// Returns an error if the object has a field whose name is too long for later changes, or if the API server refuses the object or
/// does not answer in time.
pub(super) async fn create<K: Declared>(
    api: &Api<K>,
    object: &K,
    action: &'static str,
    dry_run: bool,
) -> Result<Creation<K>, Error> {
    audit::record_object(K::AUDIT_KIND, None, &object.name_any());
    let spec = serde_json::to_value(object).unwrap_or_default();
    let spec = spec.get("spec").cloned().unwrap_or_default();
    field_names::check(action, &spec)?;
    audit::record_changes(audit::differences(&json!({}), &spec));
    let params = PostParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) };
    match with_timeout(action, k8s_client::create(api, &params, object)).await? {
        Ok(created) => Ok(Creation::Created(created)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let existing = with_timeout(action, api.get(&object.name_any())).await?;
            Ok(Creation::Exists(existing.map_err(|error| failure(action, error))?))
        }
        Err(error) => Err(failure(action, error)),
    }
}
