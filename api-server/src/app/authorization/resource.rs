//! Resources in questions about rights.

use domain::{
    permission::Permission,
    policy::{ResourceKind, Workflow},
};
use uuid::Uuid;

use crate::{
    app::{Error, Violation},
    store::{TenantTx, rights, runs, workflows},
};

/// Resource of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceReference {
    /// Workflow with an ID.
    Workflow(Uuid),
    /// Run with an ID.
    WorkflowRun(Uuid),
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

/// Checks that a permission is about workflows or runs, as the resource is.
///
/// # Errors
/// Returns an error with this pointer if it is not.
pub(super) fn require_kind(action: &'static str, pointer: &str, permission: Permission) -> Result<(), Error> {
    match ResourceKind::for_permission(permission) {
        ResourceKind::Workflow => Ok(()),
        ResourceKind::None | ResourceKind::Document => Err(invalid(
            action,
            pointer,
            "the permission is not about workflows or runs: leave the resource out",
        )),
    }
}

pub(super) fn invalid(action: &'static str, pointer: &str, message: &str) -> Error {
    let (pointer, code, message) = (pointer.to_owned(), "invalid".to_owned(), message.to_owned());
    Error::InvalidRule { action, violations: vec![Violation { pointer, code, message }] }
}

/// Returns the attributes of a resource that the caller can read.
///
/// # Errors
/// Returns an error if the tenant has no such resource, if the caller cannot read it, or if the database fails.
pub(super) async fn attributes(tx: &mut TenantTx, resource: ResourceReference) -> Result<Workflow, Error> {
    let found = match resource {
        ResourceReference::Workflow(id) => {
            workflows::get(tx, id).await?.ok_or(Error::NotFound)?;
            rights::attributes_of_workflows(tx, &[id]).await?
        }
        ResourceReference::WorkflowRun(id) => {
            runs::get(tx, id).await?.ok_or(Error::NotFound)?;
            rights::attributes_of_runs(tx, &[id]).await?
        }
    };
    found.into_iter().next().map(|(_, attributes)| attributes).ok_or(Error::NotFound)
}
