//! Revisions of workflows. They are not mirrored: the operator stores each as an immutable ControllerRevision in the namespace of the
//! tenant, and deletes those that nothing needs any more.

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
    store::{TenantTx, WorkflowIdentity, workflows},
};

/// Annotation with the UID of the workflow, whose name may be used again.
const WORKFLOW_UID: &str = "smbcopilot.dev/workflow-uid";
/// Maximum number of revisions in a list. The operator retains ten, and those that unfinished runs execute.
const MAX_REVISIONS: u32 = 200;
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

/// Workflow whose revisions are read.
struct Owner {
    namespace: String,
    identity: WorkflowIdentity,
    /// Name of the revision that new runs execute.
    current: Option<String>,
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
    let owner = owner(app, scope, workflow).await?;
    let action = "list the revisions of the workflow";
    let selector = format!("{}={}", labels::WORKFLOW, owner.identity.name);
    let params = ListParams::default().labels(&selector).limit(MAX_REVISIONS);
    let api = Api::<ControllerRevision>::namespaced(app.kube.clone(), &owner.namespace);
    let request = Request::new(api.resource_url()).list(&params);
    let mut request = request.map_err(|error| failure(action, kube::Error::BuildRequest(error)))?;
    request.headers_mut().insert(header::ACCEPT, AS_TABLE);
    let table = with_timeout(action, app.kube.request::<Table>(request)).await?;
    let Table { column_definitions, rows } = table.map_err(|error| failure(action, error))?;
    let column = column_definitions.iter().position(|column| column.name == "Revision");
    let revision = |Row { cells, object }: Row| {
        let number = cells.get(column?)?.as_i64()?;
        owner.revision(&object.metadata, number)
    };
    let mut found: Vec<_> = rows.into_iter().filter_map(revision).collect();
    found.sort_by(|one, other| (other.number, &other.created_at).cmp(&(one.number, &one.created_at)));
    Ok(found)
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
    let owner = owner(app, scope, workflow).await?;
    let reservation = Reservation::of_revision(app, scope, MAX_TEXT_BYTES, MAX_WORKFLOW_BYTES).await?;
    let action = "read the revision of the workflow";
    let api = Api::<ControllerRevision>::namespaced(app.kube.clone(), &owner.namespace);
    let request = Request::new(api.resource_url()).get(name, &GetParams::default());
    let request = request.map_err(|error| failure(action, kube::Error::BuildRequest(error)))?;
    let stored = with_timeout(action, app.kube.request::<Stored>(request)).await?;
    let Stored { metadata, revision, data: Data { spec } } =
        stored.map_err(|error| failure(action, error))?;
    let revision = owner.revision(&metadata, revision).ok_or(Error::NotFound)?;
    Ok((RevisionDetails { revision, definition: spec }, reservation))
}

/// Returns whether an object can have a name. Any other text could lead to another path of the Kubernetes API.
fn may_be_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_NAME_LENGTH
        && text.bytes().all(|byte| is_inner(byte) || b"-.".contains(&byte))
        && text.bytes().next().is_some_and(is_inner)
}

async fn owner(app: &App, scope: TenantScope, workflow: Uuid) -> Result<Owner, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let row = workflows::get(&mut tx, workflow).await?.ok_or(Error::NotFound)?;
    let identity = workflows::identity(&mut tx, workflow).await?.ok_or(Error::NotFound)?;
    let namespace = tenants::own_namespace(&mut tx).await?;
    Ok(Owner { namespace, identity, current: row.revision })
}

impl Owner {
    /// Returns the revision of an object; `None` if it belongs to another workflow.
    fn revision(&self, metadata: &ObjectMeta, number: i64) -> Option<Revision> {
        let is_of_workflow = metadata.labels.as_ref()?.get(labels::WORKFLOW)? == &self.identity.name
            && metadata.annotations.as_ref()?.get(WORKFLOW_UID)? == &self.identity.uid.to_string();
        let name = metadata.name.clone().filter(|_| is_of_workflow)?;
        Some(Revision {
            number,
            digest: name.rsplit('-').next().unwrap_or_default().to_owned(),
            is_current: self.current.as_ref() == Some(&name),
            created_at: metadata.creation_timestamp.as_ref()?.0,
            name,
        })
    }
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
