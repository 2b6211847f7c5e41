//! Projects Kubernetes objects to rows. The functions are pure: the same object always gives the same row.

mod identity;
mod meta;
mod plan;
mod row;
mod run;
mod tenant;
mod tenant_end;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod visible;
mod workflow;

use serde::de::DeserializeOwned;

pub use identity::{Identity, Kind, MissingMetadata, Object};
pub use row::{Meta, PlanRow, Row, RunRow, TenantEnd, TenantRow, WorkflowRow};
pub use tenant::tenant_namespace;
pub use visible::MirroredRow;

/// A kind of custom resource that is mirrored.
pub trait MirroredKind {
    /// Kind of the resource.
    const KIND: Kind;
}

impl MirroredKind for crds::Plan {
    const KIND: Kind = Kind::Plan;
}

impl MirroredKind for crds::Tenant {
    const KIND: Kind = Kind::Tenant;
}

impl MirroredKind for crds::Workflow {
    const KIND: Kind = Kind::Workflow;
}

impl MirroredKind for crds::WorkflowRun {
    const KIND: Kind = Kind::WorkflowRun;
}

/// Reason why an object cannot be projected.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The object does not match the schema of its kind: it was written with another version of the CRD, or
    /// without validation.
    #[error("failed to parse the object: {0}")]
    Parse(#[from] serde_json::Error),
    /// The object lacks a field that the Kubernetes API server always sets.
    #[error("failed to find the field {0}")]
    Missing(&'static str),
    /// The projection of the object panicked.
    #[error("failed to project the object: {0}")]
    Panicked(#[from] compute::Panic),
}

/// An object with its row, or with the reason why it has none.
#[derive(Debug)]
pub struct Projection {
    /// The object as it was read.
    pub object: Object,
    /// Row of the object.
    pub row: Result<Row, Malformed>,
}

impl Projection {
    /// Projects an object.
    #[must_use]
    pub fn new(object: Object) -> Self {
        let row = project(&object);
        Self { object, row }
    }
}

/// Builds the row of an object. Columns with a fixed vocabulary come from typed fields; free JSON is copied
/// unchanged.
///
/// # Errors
/// Returns an error if the object does not match the schema of its kind, or if its projection panics: no object may stop the
/// mirror.
pub fn project(object: &Object) -> Result<Row, Malformed> {
    compute::catch_panic(|| project_by_kind(object))?
}

/// Builds the row of a workflow that Kubernetes has checked without storing it, so that it has no resource version.
///
/// # Errors
/// Returns an error if the object does not match the schema of its kind.
pub fn project_dry_run(workflow: &crds::Workflow) -> anyhow::Result<WorkflowRow> {
    let mut workflow = workflow.clone();
    workflow.metadata.resource_version = Some("0".to_owned());
    let raw = serde_json::to_value(&workflow)?;
    Ok(workflow::project(&Object::new(Kind::Workflow, raw)?, workflow)?)
}

fn project_by_kind(object: &Object) -> Result<Row, Malformed> {
    Ok(match object.identity.kind {
        Kind::Plan => Row::Plan(plan::project(object, parse(object)?)?),
        Kind::Tenant => Row::Tenant(tenant::project(object, parse(object)?)?),
        Kind::Workflow => Row::Workflow(workflow::project(object, parse(object)?)?),
        Kind::WorkflowRun => Row::Run(Box::new(run::project(object, parse(object)?)?)),
    })
}

fn parse<K: DeserializeOwned>(object: &Object) -> Result<K, serde_json::Error> {
    K::deserialize(&object.raw)
}
