//! Revisions of workflows. They are not mirrored: the operator stores each as an immutable ControllerRevision in the namespace of the
//! tenant, and deletes those that nothing needs any more.

use std::collections::HashMap;

use crds::{constants::MAX_WORKFLOW_BYTES, labels};
use http::{HeaderValue, header};
use k8s_openapi::{api::apps::v1::ControllerRevision, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    api::{GetParams, ListParams, PartialObjectMeta},
    core::Request,
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::{
        App, Error, Reservation,
        kubernetes::{failure, with_timeout},
        tenants,
    },
    auth::TenantScope,
    limits::json_memory,
    store::{
        ContentSize, TenantTx,
        workflows::{self, RevisionOwner},
    },
};

/// Annotation with the UID of the workflow, whose name may be used again.
const WORKFLOW_UID: &str = "smbcopilot.dev/workflow-uid";
/// Maximum number of revisions of a workflow in a list. The operator retains ten, and those that unfinished runs execute.
const MAX_REVISIONS: u32 = 200;
/// Number of workflows whose revisions one request to Kubernetes lists: 2,000 rows of some KiB at most, and 100 usually.
const WORKFLOWS_OF_A_REQUEST: usize = 10;
/// Representation without the content of the revisions: one row of a table for each.
const AS_TABLE: HeaderValue = HeaderValue::from_static("application/json;as=Table;v=v1;g=meta.k8s.io");
/// Maximum length of the name of an object in Kubernetes.
const MAX_NAME_LENGTH: usize = 253;
/// Maximum size of the text of a revision.
const MAX_TEXT_BYTES: usize = 2 << 20;

/// Revision of a workflow without its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Name of the revision, which runs refer to.
    pub name: String,
    /// Generation of the workflow for which the revision was created.
    pub number: i64,
    /// Digest of the definition, with which the name ends.
    pub digest: String,
    /// Whether new runs execute the revision.
    pub is_current: bool,
    /// Time at which the revision was created.
    pub created_at: jiff::Timestamp,
}

/// Revision of a workflow with its definition.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionDetails {
    /// The revision.
    pub revision: Revision,
    /// Spec of the workflow.
    pub definition: Value,
}

/// Key of a revision: its workflow, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RevisionKey {
    /// ID of the workflow.
    pub workflow: Uuid,
    /// Name of the revision.
    pub name: String,
}

/// Workflows whose revisions are read.
struct Owners {
    namespace: String,
    workflows: Vec<RevisionOwner>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    #[serde(default)]
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
    object: PartialObjectMeta<ControllerRevision>,
}

#[derive(Deserialize)]
struct Stored {
    metadata: ObjectMeta,
    revision: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    spec: Value,
}

/// Returns the revisions of a workflow, newest first.
///
/// # Errors
/// Returns an error if the tenant has no such workflow, or if the Kubernetes API or the database fails.
pub async fn revisions(app: &App, scope: TenantScope, workflow: Uuid) -> Result<Vec<Revision>, Error> {
    let mut found = revisions_of_many(app, scope, &[workflow]).await?;
    found.remove(&workflow).ok_or(Error::NotFound)
}

/// Returns the revisions of each of these workflows that the tenant has, newest first, with one request to Kubernetes for ten
/// workflows.
///
/// # Errors
/// Returns an error if the Kubernetes API or the database fails.
pub async fn revisions_of_many(
    app: &App,
    scope: TenantScope,
    workflows: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Revision>>, Error> {
    let Owners { namespace, workflows } = owners(app, scope, workflows).await?;
    let mut found: HashMap<_, Vec<_>> = workflows.iter().map(|owner| (owner.id, Vec::new())).collect();
    for owners in workflows.chunks(WORKFLOWS_OF_A_REQUEST) {
        for (workflow, revision) in list(app, &namespace, owners).await? {
            found.entry(workflow).or_default().push(revision);
        }
    }
    for revisions in found.values_mut() {
        revisions.sort_by(|one, other| (other.number, &other.created_at).cmp(&(one.number, &one.created_at)));
    }
    Ok(found)
}

/// Returns the revisions of workflows with the IDs of their workflows, in no particular order.
async fn list(app: &App, namespace: &str, owners: &[RevisionOwner]) -> Result<Vec<(Uuid, Revision)>, Error> {
    let action = "list the revisions of the workflow";
    let names: Vec<_> = owners.iter().map(|owner| owner.name.as_str()).collect();
    let selector = format!("{} in ({})", labels::WORKFLOW, names.join(","));
    let limit = MAX_REVISIONS.saturating_mul(u32::try_from(owners.len()).unwrap_or(u32::MAX));
    let params = ListParams::default().labels(&selector).limit(limit);
    let api = Api::<ControllerRevision>::namespaced(app.kube.clone(), namespace);
    let request = Request::new(api.resource_url()).list(&params);
    let mut request = request.map_err(|error| failure(action, kube::Error::BuildRequest(error)))?;
    request.headers_mut().insert(header::ACCEPT, AS_TABLE);
    let table = with_timeout(action, app.kube.request::<Table>(request)).await?;
    let Table { column_definitions, rows } = table.map_err(|error| failure(action, error))?;
    let column = column_definitions.iter().position(|column| column.name == "Revision");
    let revision = |Row { cells, object }: Row| {
        let number = cells.get(column?)?.as_i64()?;
        let of = |owner: &RevisionOwner| Some((owner.id, revision_of(owner, &object.metadata, number)?));
        owners.iter().find_map(of)
    };
    Ok(rows.into_iter().filter_map(revision).collect())
}

/// Returns a revision of a workflow with its definition, and the memory that it takes.
///
/// # Errors
/// Returns an error if the tenant has no such workflow or the workflow no such revision, if the memory is not free in time, or if the
/// Kubernetes API or the database fails.
pub async fn revision(
    app: &App,
    scope: TenantScope,
    workflow: Uuid,
    name: &str,
) -> Result<(RevisionDetails, Reservation), Error> {
    if !may_be_name(name) {
        return Err(Error::NotFound);
    }
    let Owners { namespace, workflows } = owners(app, scope, &[workflow]).await?;
    let owner = workflows.first().ok_or(Error::NotFound)?;
    let reservation = Reservation::of_revision(app, scope, MAX_TEXT_BYTES, MAX_WORKFLOW_BYTES).await?;
    let details = read(app, &namespace, owner, name).await?;
    Ok((details, reservation))
}

/// Returns the definitions of these revisions for a response, and reserves the memory that they take. Unknown revisions are skipped.
/// `repeats` is the number of times that the response contains the same part of a definition. One is read after the other, each with a
/// request to Kubernetes.
///
/// # Errors
/// Returns an error if the definitions are too large for one response, if the memory for them is not free in time, or if the Kubernetes
/// API or the database fails.
pub async fn definitions(
    app: &App,
    scope: TenantScope,
    keys: &[RevisionKey],
    repeats: usize,
    reservation: &Reservation,
) -> Result<Vec<(RevisionKey, Value)>, Error> {
    let workflows: Vec<_> = keys.iter().map(|key| key.workflow).collect();
    let Owners { namespace, workflows } = owners(app, scope, &workflows).await?;
    let mut found = Vec::new();
    for key in keys.iter().filter(|key| may_be_name(&key.name)) {
        let Some(owner) = workflows.iter().find(|owner| owner.id == key.workflow) else { continue };
        // Its size is not known before it is read.
        let largest = Reservation::of_revision(app, scope, MAX_TEXT_BYTES, MAX_WORKFLOW_BYTES).await?;
        let definition = match read(app, &namespace, owner, &key.name).await {
            Ok(details) => details.definition,
            Err(Error::NotFound) => continue,
            Err(error) => return Err(error),
        };
        let text = definition.to_string();
        let size = ContentSize { text: text.len(), decoded: json_memory(text.as_bytes()) };
        drop((text, largest));
        reservation.add_contents(app, scope, size, repeats).await?;
        found.push((key.clone(), definition));
    }
    Ok(found)
}

async fn read(
    app: &App,
    namespace: &str,
    owner: &RevisionOwner,
    name: &str,
) -> Result<RevisionDetails, Error> {
    let action = "read the revision of the workflow";
    let api = Api::<ControllerRevision>::namespaced(app.kube.clone(), namespace);
    let request = Request::new(api.resource_url()).get(name, &GetParams::default());
    let request = request.map_err(|error| failure(action, kube::Error::BuildRequest(error)))?;
    let stored = with_timeout(action, app.kube.request::<Stored>(request)).await?;
    let Stored { metadata, revision, data: Data { spec } } =
        stored.map_err(|error| failure(action, error))?;
    let revision = revision_of(owner, &metadata, revision).ok_or(Error::NotFound)?;
    Ok(RevisionDetails { revision, definition: spec })
}

/// Returns whether an object can have a name. Any other text could lead to another path of the Kubernetes API.
fn may_be_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_NAME_LENGTH
        && text.bytes().all(|byte| is_inner(byte) || b"-.".contains(&byte))
        && text.bytes().next().is_some_and(is_inner)
}

/// Returns those of these workflows that the tenant has, and its namespace.
async fn owners(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Owners, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let workflows = workflows::revision_owners(&mut tx, ids).await?;
    if workflows.is_empty() {
        return Ok(Owners { namespace: String::new(), workflows });
    }
    Ok(Owners { namespace: tenants::own_namespace(&mut tx).await?, workflows })
}

/// Returns the revision of an object; `None` if it belongs to another workflow.
fn revision_of(owner: &RevisionOwner, metadata: &ObjectMeta, number: i64) -> Option<Revision> {
    let is_of_workflow = metadata.labels.as_ref()?.get(labels::WORKFLOW)? == &owner.name
        && metadata.annotations.as_ref()?.get(WORKFLOW_UID)? == &owner.uid.to_string();
    let name = metadata.name.clone().filter(|_| is_of_workflow)?;
    Some(Revision {
        number,
        digest: name.rsplit('-').next().unwrap_or_default().to_owned(),
        is_current: owner.revision.as_ref() == Some(&name),
        created_at: metadata.creation_timestamp.as_ref()?.0,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No text that leads to another path of the Kubernetes API is taken for a name.
    #[test]
    fn only_names_of_objects_are_requested() {
        assert!(may_be_name("invoice-intake-5d8c9f0a1b") && may_be_name("v1.2-5d8c9f0a1b"));
        for text in
            ["", ".", "..", "../secrets/x", "a/b", "a?b", "a%2fb", "A", "-a", "ä", "a b", &"a".repeat(254)]
        {
            assert!(!may_be_name(text), "{text}");
        }
    }
}
