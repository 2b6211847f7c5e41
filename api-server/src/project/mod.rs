//! From objects of Kubernetes to rows: pure, so that the same object gives the same row whenever it is read.

mod identity;
mod meta;
mod plan;
mod row;
mod run;
mod tenant;
#[cfg(test)]
pub(crate) mod testing;
mod workflow;

use serde::de::DeserializeOwned;

pub use identity::{Anonymous, Identity, Kind, Object};
pub use row::{Meta, PlanRow, Row, RunRow, TenantRow, WorkflowRow};
pub use tenant::namespace_of_tenant;

/// A kind of custom resource that is mirrored.
pub trait Mirrored {
    /// Which one.
    const KIND: Kind;
}

impl Mirrored for crds::Plan {
    const KIND: Kind = Kind::Plan;
}

impl Mirrored for crds::Tenant {
    const KIND: Kind = Kind::Tenant;
}

impl Mirrored for crds::Workflow {
    const KIND: Kind = Kind::Workflow;
}

impl Mirrored for crds::WorkflowRun {
    const KIND: Kind = Kind::WorkflowRun;
}

/// Why an object is no row.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is not of the shape of its kind: made by another version of the definitions, or around them.
    #[error("failed to parse it: {0}")]
    Parse(#[from] serde_json::Error),
    /// It lacks a field that the API server always sets.
    #[error("failed to find its {0}")]
    Missing(&'static str),
}

/// The row of an object. Typed fields decide; free JSON goes over as it was read.
///
/// # Errors
/// The object is not of the shape of its kind.
pub fn project(object: &Object) -> Result<Row, Malformed> {
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
