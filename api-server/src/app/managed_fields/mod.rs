//! Changes of objects that several tools manage: Argo CD, Flux, kubectl and the API. Server-side apply records in
//! `metadata.managedFields` which fields each of them has set. The API changes a field that it has set itself or that nobody has
//! set, and no other. What it applies contains these fields only, since it would become an owner of every field that it applies.

mod change;
mod owners;

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, ObjectMeta};
use serde_json::{Value, json};

use crds::constants::API_SERVER_MANAGER as OWN_MANAGER;

use super::merge_patch;
use owners::{Owners, merge, owned_part};

/// Operation of an entry that server-side apply has written.
const APPLY: &str = "Apply";

/// Field that another tool manages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedField {
    /// JSON pointer into the request.
    pub pointer: String,
    /// Path of the field in the object, such as `spec.steps[name="fetch"].http.url`.
    pub path: String,
    /// Name of the tool, as in `metadata.managedFields`; `None` if none is recorded.
    pub manager: Option<String>,
}

impl fmt::Display for ManagedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer: _, path, manager } = self;
        match manager {
            Some(manager) => write!(f, "{manager} manages {path}"),
            None => write!(f, "{path} has no recorded manager"),
        }
    }
}

/// What has to be written to give an object another spec.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// The object has this spec already.
    None,
    /// The object is applied with these fields.
    Apply(Applied),
    /// The object is changed by this merge patch of its spec, since server-side apply cannot leave an object empty. The API manages
    /// what it has set in any case: [`adopt_creation`] precedes the next change.
    Merge(Value),
}

/// The fields that the API applies: those that it has set before, with their new values, and those that it sets now.
#[derive(Debug, PartialEq)]
pub(super) struct Applied {
    /// Labels and annotations.
    pub(super) metadata: Value,
    /// Fields of the spec.
    pub(super) spec: Value,
}

/// Returns what has to be applied so that the spec `current` becomes `desired`.
///
/// # Errors
/// Returns the fields of the change that others manage.
pub(super) fn plan(
    metadata: &ObjectMeta,
    current: &Value,
    desired: &Value,
) -> Result<Change, Vec<ManagedField>> {
    if current == desired {
        return Ok(Change::None);
    }
    let own = own_fields(metadata);
    let part = |name: &str| own.as_ref().and_then(|own| own.get(name));
    let others = others(metadata).filter_map(|(manager, fields)| Some((manager, fields.get("f:spec")?)));
    let owners = Owners { own: part("f:spec"), others: others.collect() };
    let Some(spec) = change::apply(current, desired, &owners)? else {
        return Ok(Change::Merge(merge_patch::difference(current, desired)));
    };
    let labelled = json!({"labels": metadata.labels, "annotations": metadata.annotations});
    let metadata = owned_part(&labelled, part("f:metadata")).unwrap_or_else(|| json!({}));
    Ok(Change::Apply(Applied { metadata, spec }))
}

/// Returns the fields that the API has set.
fn own_fields(metadata: &ObjectMeta) -> Option<Value> {
    let own = entries(metadata).filter(|entry| is_own(entry)).filter_map(fields).cloned();
    own.reduce(merge)
}

/// Returns the fields that each other tool has set.
fn others(metadata: &ObjectMeta) -> impl Iterator<Item = (&str, &Value)> {
    let others = entries(metadata).filter(|entry| !is_own(entry));
    others.filter_map(|entry| Some((entry.manager.as_deref().unwrap_or_default(), fields(entry)?)))
}

/// Returns the entries of the object itself, without those of its status.
fn entries(metadata: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    let is_of_object =
        |entry: &&ManagedFieldsEntry| entry.subresource.as_deref().unwrap_or_default().is_empty();
    metadata.managed_fields.iter().flatten().filter(is_of_object)
}

fn is_own(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(OWN_MANAGER)
}

fn fields(entry: &ManagedFieldsEntry) -> Option<&Value> {
    entry.fields_v1.as_ref().map(|FieldsV1(fields)| fields)
}

/// Returns the managed fields of an object after a creation or a merge patch by the API is recorded as if it had been applied; `None` if
/// it is already. Server-side apply would regard the fields of the creation as those of another tool. (An object is not created by
/// server-side apply, which would change an existing object of the same name.)
pub(super) fn adopt_creation(metadata: &ObjectMeta) -> Option<Vec<ManagedFieldsEntry>> {
    let is_creation = |entry: &ManagedFieldsEntry| {
        is_own(entry) && entry.subresource.is_none() && entry.operation.as_deref() != Some(APPLY)
    };
    let all = metadata.managed_fields.as_ref()?;
    let creation = all.iter().find(|entry| is_creation(entry))?.clone();
    let is_replaced = |entry: &ManagedFieldsEntry| {
        is_own(entry) && entry.subresource.as_deref().unwrap_or_default().is_empty()
    };
    let fields_v1 = own_fields(metadata).map(FieldsV1);
    let applied = ManagedFieldsEntry { operation: Some(APPLY.to_owned()), fields_v1, ..creation };
    let others = all.iter().filter(|entry| !is_replaced(entry)).cloned();
    Some(others.chain([applied]).collect())
}

#[cfg(test)]
mod tests;
