//! Resources in questions about rights.

use domain::{
    permission::Permission,
    policy::{Document, Resource, ResourceKind, Workflow},
};
use uuid::Uuid;

use crate::{
    app::{Error, Violation},
    store::{TenantTx, documents, rights, runs, workflows},
};

/// Resource of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceReference {
    /// Workflow with an ID.
    Workflow(Uuid),
    /// Run with an ID.
    WorkflowRun(Uuid),
    /// Document with an ID.
    Document(Uuid),
}

impl ResourceReference {
    fn kind(self) -> ResourceKind {
        match self {
            Self::Workflow(_) | Self::WorkflowRun(_) => ResourceKind::Workflow,
            Self::Document(_) => ResourceKind::Document,
        }
    }
}

/// Attributes of a resource that policies can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    Workflow(Workflow),
    Document(Document),
}

impl Attributes {
    pub(super) fn kind(&self) -> ResourceKind {
        match self {
            Self::Workflow(_) => ResourceKind::Workflow,
            Self::Document(_) => ResourceKind::Document,
        }
    }

    /// Returns the resource, as policies are evaluated for it.
    pub(super) fn resource(&self) -> Resource<'_> {
        match self {
            Self::Workflow(workflow) => Resource::Workflow(workflow),
            Self::Document(document) => Resource::Document(document),
        }
    }
}

/// Returns a permission by its name.
///
/// # Errors
/// Returns an error with this pointer if a tenant has no such permission.
pub(super) fn permission(action: &'static str, pointer: &str, name: &str) -> Result<Permission, Error> {
    let of_tenant = domain::permission::Permissions::of_tenant();
    let found = of_tenant.iter().find(|permission| permission.name() == name);
    found.ok_or_else(|| {
        invalid(action, pointer, "must be a leaf of the permission tree, such as `workflow.run.create`")
    })
}

/// Checks that a permission is about resources of the kind of this one.
///
/// # Errors
/// Returns an error with this pointer if it is not.
pub(super) fn require_kind(
    action: &'static str,
    pointer: &str,
    permission: Permission,
    resource: ResourceReference,
) -> Result<(), Error> {
    let message = match ResourceKind::for_permission(permission) {
        kind if kind == resource.kind() => return Ok(()),
        ResourceKind::None => "the permission is not about single resources: leave the resource out",
        ResourceKind::Workflow => "the permission is about workflows or runs: name one of them",
        ResourceKind::Document => "the permission is about documents: name one of them",
    };
    Err(invalid(action, pointer, message))
}

pub(super) fn invalid(action: &'static str, pointer: &str, message: &str) -> Error {
    let (pointer, code, message) = (pointer.to_owned(), "invalid".to_owned(), message.to_owned());
    Error::InvalidRule { action, violations: vec![Violation { pointer, code, message }] }
}

/// Returns the attributes of a resource that the caller can read.
///
/// # Errors
/// Returns an error if the tenant has no such resource, if the caller cannot read it, or if the database fails.
pub(super) async fn attributes(tx: &mut TenantTx, resource: ResourceReference) -> Result<Attributes, Error> {
    let found = match resource {
        ResourceReference::Workflow(id) => {
            workflows::get(tx, id).await?.ok_or(Error::NotFound)?;
            rights::attributes_of_workflows(tx, &[id]).await?
        }
        ResourceReference::WorkflowRun(id) => {
            runs::get(tx, id).await?.ok_or(Error::NotFound)?;
            rights::attributes_of_runs(tx, &[id]).await?
        }
        ResourceReference::Document(id) => {
            documents::get(tx, id).await?.ok_or(Error::NotFound)?;
            let found = rights::attributes_of_documents(tx, &[id]).await?.into_iter().next();
            return found.map(|(_, attributes)| Attributes::Document(attributes)).ok_or(Error::NotFound);
        }
    };
    let found = found.into_iter().next();
    found.map(|(_, attributes)| Attributes::Workflow(attributes)).ok_or(Error::NotFound)
}
