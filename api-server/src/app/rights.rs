//! Checks of rights that depend on the resource, and of what somebody may grant. Reading is checked by the queries of `store`, which return only what the principal can
//! read.

use domain::{
    permission::{Permission, Permissions},
    policy::Problem,
};
use uuid::Uuid;

use super::{Error, Violation};
use crate::store::{Target, TenantTx};

/// Checks that the principal has a permission for a workflow, a run or a document.
///
/// # Errors
/// Returns an error if the principal lacks the permission for it, or if the database fails. What the principal cannot read does not
/// exist for it.
pub(super) async fn require(
    tx: &mut TenantTx,
    id: Uuid,
    permission: Permission,
    target: Target,
) -> Result<(), Error> {
    // Whoever changes a document gets to see it.
    if target == Target::Documents && !tx.is_permitted(id, Permission::DOCUMENT_READ, target).await? {
        return Err(Error::NotFound);
    }
    if tx.is_permitted(id, permission, target).await? {
        return Ok(());
    }
    let (read, target) = match target {
        Target::Workflows | Target::NewRuns => (Permission::WORKFLOW_READ, Target::Workflows),
        Target::Runs => (Permission::WORKFLOW_RUN_READ, Target::Runs),
        Target::Documents => (Permission::DOCUMENT_READ, Target::Documents),
    };
    match tx.is_permitted(id, read, target).await? {
        true => Err(Error::NotPermitted { permission }),
        false => Err(Error::NotFound),
    }
}

/// Checks that the principal can read all workflows and runs of the tenant, which a stream of all changes shows.
///
/// # Errors
/// Returns an error if it can read some of them only.
pub(super) fn require_all_readable(tx: &TenantTx) -> Result<(), Error> {
    let permissions = [Permission::WORKFLOW_READ, Permission::WORKFLOW_RUN_READ];
    let restricted = permissions.into_iter().find(|permission| tx.restriction(*permission).is_some());
    restricted.map_or(Ok(()), |permission| Err(Error::NotPermittedForAll { permission }))
}

/// Checks that somebody has the permissions that they want to grant, or to change for others.
///
/// # Errors
/// Returns an error with the permissions that are missing.
pub(super) fn require_own(action: &'static str, own: Permissions, granted: Permissions) -> Result<(), Error> {
    match own.covers(granted) {
        true => Ok(()),
        false => Err(Error::GrantExceedsOwn { action, missing: granted.without(own).iter().collect() }),
    }
}

/// Converts the errors in a role or a policy.
pub(super) fn violations(problems: Vec<Problem>) -> Vec<Violation> {
    let violation =
        |Problem { pointer, code, message }| Violation { pointer, code: code.to_owned(), message };
    problems.into_iter().map(violation).collect()
}
