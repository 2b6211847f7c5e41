//! Users of a tenant: reading and changing them, their roles, and their first login.

mod admit;
mod create;
mod grant;
mod members;
mod picture;
mod profile;
mod provision;
mod read;
mod roles;
mod status;

pub use admit::admit;
pub(in crate::app) use create::insert_person;
pub use create::{Create, NewPerson, create};
pub(in crate::app) use grant::{
    MAX_ROLES, check_covered, check_grant, check_power, permissions_of_nodes, permissions_of_roles,
};
pub(in crate::app) use members::change_members;
pub use members::{MAX_MEMBER_CHANGES, MemberChange};
pub use picture::{MAX_IMAGE_BYTES, delete_picture, get_picture, set_picture};
pub use profile::{Patch, update};
pub use provision::{
    DEFAULT_ROLE, Provision, delete_provisioned, get_provisioned, is_active, list_provisioned, name_key,
    provision, reprovision,
};
pub use read::{Filter, count, get, get_many, list};
pub use roles::{assign_role, remove_role};
pub use status::{deactivate, delete, reactivate};

use domain::permission::Permissions;
use uuid::Uuid;

use super::{App, Error, audit, kubernetes::write_permit, tenants::active};
use crate::{
    auth::TenantScope,
    store::{self, TenantTx, User, users},
};

/// Kind of users in the audit log.
const AUDIT_KIND: &str = "USER";

/// Caller of a use case that changes users.
#[derive(Clone, Copy, Debug)]
pub struct Editor {
    /// Access to the tenant's rows.
    pub scope: TenantScope,
    /// Permissions that the caller has for all resources: nobody grants others, and nobody changes a user who has others.
    pub permissions: Permissions,
}

/// Changes a user in a transaction, and returns it as it is then. `edit` gets the user as it was, which no other transaction changes
/// meanwhile. `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes; if there is no such user, it was changed since its version was read, or it has
/// permissions that the caller lacks; if the change leaves the tenant without an active owner; or if `edit` or the database fails.
async fn change(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    action: &'static str,
    edit: impl AsyncFnOnce(&mut TenantTx, &User) -> Result<(), Error>,
) -> Result<Option<User>, Error> {
    let _permit = write_permit(app, editor.scope.tenant_id(), action).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    let user = changeable(&mut tx, editor, id, version, action).await?;
    edit(&mut tx, &user).await.map_err(|error| last_owner(error, action))?;
    let changed = users::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Checks that a change of a user would begin, for a request that prepares what it writes.
///
/// # Errors
/// Returns an error as [`change`] does.
async fn check(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    action: &'static str,
) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    changeable(&mut tx, editor, id, version, action).await.map(drop)
}

/// Returns a user whom the caller may change, and lets no other transaction change it until this one ends.
async fn changeable(
    tx: &mut TenantTx,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    action: &'static str,
) -> Result<User, Error> {
    active(tx).await?;
    let user = users::lock(tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(AUDIT_KIND, Some(id), &user.email);
    if version.is_some_and(|version| version != user.version) {
        return Err(Error::Stale { action });
    }
    check_power(tx, editor.permissions, &user, action).await?;
    Ok(user)
}

/// Recognises the refusal of the database to leave a tenant without an active owner.
fn last_owner(error: Error, action: &'static str) -> Error {
    match error {
        Error::Store(source) if source.violates(users::ACTIVE_OWNER) => Error::LastOwner { action },
        error => error,
    }
}

/// Recognises an address that is in use.
fn email_in_use(error: store::Error, action: &'static str, email: &str) -> Error {
    match [users::EMAIL_OF_TENANT, users::EMAIL_OF_PLATFORM, users::USER_NAME]
        .iter()
        .any(|name| error.violates(name))
    {
        true => Error::AlreadyExists { action, name: format!("a user with the address {email}") },
        false => error.into(),
    }
}
