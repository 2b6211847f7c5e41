//! Changes of Kubernetes objects that people declare: workflows and tenants. Server-side apply without force decides together
//! with `managed_fields` who may change a field.

use crds::constants::API_SERVER_MANAGER as FIELD_MANAGER;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams, ValidationDirective},
    core::Status,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Error, audit, field_names,
    kubernetes::{failure, with_timeout},
    managed_fields::{self, Applied, Change, ManagedField},
};

/// Maximum number of attempts to change an object while others write it. The operator writes the status of an active workflow
/// every few seconds.
const MAX_ATTEMPTS: u32 = 5;

/// Object to change, and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// ID of its row.
    pub(super) id: Uuid,
    pub(super) name: &'a str,
    /// UID of the object; another object of the same name is not changed.
    pub(super) uid: Uuid,
    /// Expected generation; `None` if any is right.
    pub(super) generation: Option<i64>,
    /// What fails if the object cannot be changed.
    pub(super) action: &'static str,
}

/// Kind of an object that can be changed.
pub(super) trait Declared:
    Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + Sync
{
    /// Name of the kind in the audit log.
    const AUDIT_KIND: &'static str;
}

impl Declared for crds::Workflow {
    const AUDIT_KIND: &'static str = "WORKFLOW";
}

impl Declared for crds::Tenant {
    const AUDIT_KIND: &'static str = "TENANT";
}

/// Change of a spec.
pub(super) trait Edit: Sync {
    /// Returns the spec that an object with this name and this spec shall have.
    ///
    /// # Errors
    /// Returns an error if the change is not permitted or its result is not valid.
    fn edit(&self, name: &str, spec: Value) -> impl Future<Output = Result<Value, Error>> + Send;
}

/// Gives an object the spec that `edit` makes of its current one, and returns the object. `edit` is called again if somebody
/// else writes the object meanwhile.
///
/// # Errors
/// Returns an error if the object does not exist, has another generation, or has fields of the change that others manage; if
/// `edit` fails; or if the API server refuses the change or does not answer in time.
pub(super) async fn change<K: Declared>(
    api: &Api<K>,
    target: Target<'_>,
    edit: &impl Edit,
) -> Result<K, Error> {
    let Target { id, name, uid, generation, action } = target;
    audit::record_object(K::AUDIT_KIND, Some(id), name);
    for _ in 0..MAX_ATTEMPTS {
        let object = with_timeout(action, api.get(name)).await?.map_err(|error| failure(action, error))?;
        if object.uid().and_then(|uid| uid.parse().ok()) != Some(uid) {
            return Err(Error::NotFound);
        }
        if generation.is_some_and(|expected| object.meta().generation != Some(expected)) {
            return Err(Error::Stale { action });
        }
        let current = spec_of(&object);
        let desired = edit.edit(name, current.clone()).await?;
        audit::record_changes(audit::differences(&current, &desired));
        let managed = |fields| Error::ManagedElsewhere { action, fields };
        let change = managed_fields::plan(object.meta(), &current, &desired).map_err(managed)?;
        let changed = match change {
            Change::None => return Ok(object),
            Change::Apply(applied) => {
                field_names::check(action, &applied.spec)?;
                apply(api, target, object, applied).await?
            }
            Change::Merge(spec) => {
                field_names::check(action, &spec)?;
                merge(api, target, object.meta(), spec).await?
            }
        };
        if let Some(changed) = changed {
            return Ok(changed);
        }
    }
    Err(Error::Contended { action })
}

fn spec_of<K: Serialize>(object: &K) -> Value {
    let mut object = serde_json::to_value(object).unwrap_or_default();
    object.get_mut("spec").map(Value::take).unwrap_or_default()
}

/// Applies fields of an object; returns `None` if the object has changed since it was read.
async fn apply<K: Declared>(
    api: &Api<K>,
    target: Target<'_>,
    object: K,
    applied: Applied,
) -> Result<Option<K>, Error> {
    let Some(object) = adopt_creation(api, target, object).await? else { return Ok(None) };
    let Target { name, action, .. } = target;
    let Applied { mut metadata, spec } = applied;
    let object = object.meta();
    // With UID and version, only the object that was read is changed.
    let identity = [
        ("name", json!(name)),
        ("uid", json!(object.uid)),
        ("resourceVersion", json!(object.resource_version)),
    ];
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.extend(identity.map(|(field, value)| (field.to_owned(), value)));
    }
    let patch = json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": metadata, "spec": spec,
    });
    unless_changed(action, with_timeout(action, api.patch(name, &params(), &Patch::Apply(patch))).await?)
}

/// Changes the spec of an object by a merge patch; returns `None` if the object has changed since it was read.
async fn merge<K: Declared>(
    api: &Api<K>,
    Target { name, action, .. }: Target<'_>,
    object: &ObjectMeta,
    spec: Value,
) -> Result<Option<K>, Error> {
    // With UID and version, only the object that was read is changed.
    let metadata = json!({"uid": object.uid, "resourceVersion": object.resource_version});
    let patch = json!({"metadata": metadata, "spec": spec});
    unless_changed(action, with_timeout(action, api.patch(name, &params(), &Patch::Merge(patch))).await?)
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    }
}

/// Records the creation of an object by the API as if the object had been applied; see [`managed_fields::adopt_creation`].
async fn adopt_creation<K: Declared>(
    api: &Api<K>,
    target: Target<'_>,
    object: K,
) -> Result<Option<K>, Error> {
    let Some(entries) = managed_fields::adopt_creation(object.meta()) else { return Ok(Some(object)) };
    let Target { name, action, .. } = target;
    let version = object.resource_version();
    let patch = json!({"metadata": {"resourceVersion": version, "managedFields": entries}});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    unless_changed(action, with_timeout(action, api.patch(name, &params, &Patch::Merge(patch))).await?)
}

/// Returns the written object; `None` if it had changed before.
fn unless_changed<K>(action: &'static str, result: kube::Result<K>) -> Result<Option<K>, Error> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.is_conflict() => match conflicts(&status) {
            fields if fields.is_empty() => Ok(None),
            fields => Err(Error::ManagedElsewhere { action, fields }),
        },
        Err(error) => Err(failure(action, error)),
    }
}

/// Returns the fields of other managers that a refusal lists; none if it has another reason.
fn conflicts(status: &Status) -> Vec<ManagedField> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    let conflict = |cause: &kube::core::response::StatusCause| ManagedField {
        pointer: String::new(),
        path: cause.field.trim_start_matches('.').to_owned(),
        manager: cause.message.split('"').nth(1).map(str::to_owned),
    };
    conflicts.map(conflict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A conflict with another manager is told from one with another version, and names manager and field.
    #[test]
    fn a_conflict_names_manager_and_field() {
        let status = |causes: Value| {
            let status = json!({"status": "Failure", "reason": "Conflict", "code": 409, "details": {"causes": causes}});
            serde_json::from_value::<Status>(status).unwrap()
        };
        assert_eq!(conflicts(&status(json!([]))), []);
        let cause = json!({
            "reason": "FieldManagerConflict", "field": ".spec.timeout",
            "message": "conflict with \"argocd-controller\" using smbcopilot.dev/v1alpha1",
        });
        let fields: Vec<_> = conflicts(&status(json!([cause]))).iter().map(ToString::to_string).collect();
        assert_eq!(fields, ["argocd-controller manages spec.timeout"]);
    }
}
