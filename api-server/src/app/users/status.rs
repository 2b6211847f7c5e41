//! Deactivating, reactivating and deleting users.

use uuid::Uuid;

use super::{Editor, change};
use crate::{
    app::{
        App, Error,
        audit::{self, Change},
        enum_names::serde_name,
    },
    store::{
        TenantTx, User, UserStatus,
        users::{self, Deletion},
    },
};

/// Deactivates a user and returns it. Its tokens are refused within 5 s, on all replicas. A deactivated user stays as it is.
/// `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error if the user is the last active owner, or as [`change`] does.
pub async fn deactivate(app: &App, editor: Editor, id: Uuid, version: Option<i64>) -> Result<User, Error> {
    set(app, editor, id, version, "deactivate the user", Access::Revoked).await
}

/// Reactivates a user and returns it; one who has never logged in is invited again. A user who is not deactivated stays as it is.
/// `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error as [`change`] does: the caller must have all permissions of the user.
pub async fn reactivate(app: &App, editor: Editor, id: Uuid, version: Option<i64>) -> Result<User, Error> {
    set(app, editor, id, version, "reactivate the user", Access::Permitted).await
}

/// Whether a user shall be able to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The user can log in.
    Permitted,
    /// The user cannot log in.
    Revoked,
}

async fn set(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    action: &'static str,
    access: Access,
) -> Result<User, Error> {
    let changed = change(app, editor, id, version, action, async |tx, user: &User| {
        audit::record_changes(set_access(tx, user, access).await?);
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)
}

/// Changes the status of a user, if it has to, and returns the change.
///
/// # Errors
/// Returns an error if the user is the last active owner, or if the database fails.
pub(super) async fn set_access(
    tx: &mut TenantTx,
    user: &User,
    access: Access,
) -> Result<Option<Change>, Error> {
    let next = match (access, user.status) {
        (Access::Revoked, _) => UserStatus::Deactivated,
        (Access::Permitted, UserStatus::Deactivated) => match users::has_logged_in(tx, user.id).await? {
            true => UserStatus::Active,
            // Nobody has an identity yet that could be the one of this user.
            false => UserStatus::Invited,
        },
        (Access::Permitted, status) => status,
    };
    if next == user.status {
        return Ok(None);
    }
    users::set_status(tx, user.id, next).await?;
    let (before, after) = (serde_name(&user.status), serde_name(&next));
    Ok(Some(Change::new("/status", Some(before.into()), Some(after.into()))))
}

/// Deletes a user who is not active, with its roles and identities. `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error if the user is active, or as [`change`] does.
pub async fn delete(app: &App, editor: Editor, id: Uuid, version: Option<i64>) -> Result<(), Error> {
    const ACTION: &str = "delete the user";
    let changed = change(app, editor, id, version, ACTION, async |tx, user: &User| {
        let before = Some(serde_name(&user.status).into());
        match users::delete(tx, id).await? {
            Deletion::Deleted => audit::record_changes([Change::new("/status", before, None)]),
            Deletion::Active => return Err(Error::UserActive { action: ACTION }),
        }
        Ok(())
    });
    changed.await.map(drop)
}
