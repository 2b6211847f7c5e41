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
        User, UserStatus,
        users::{self, Deletion},
    },
};

/// Deactivates a user and returns it. Its tokens are refused within 5 s, on all replicas. A deactivated user stays as it is.
/// `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error if the user is the last active owner, or as [`change`] does.
pub async fn deactivate(app: &App, editor: Editor, id: Uuid, version: Option<i64>) -> Result<User, Error> {
    set(app, editor, id, version, "deactivate the user", |_| UserStatus::Deactivated).await
}

/// Reactivates a user and returns it. A user who is not deactivated stays as it is. `version` is the version that the user must have,
/// or `None`.
///
/// # Errors
/// Returns an error as [`change`] does: the caller must have all permissions of the user.
pub async fn reactivate(app: &App, editor: Editor, id: Uuid, version: Option<i64>) -> Result<User, Error> {
    let next = |status| match status {
        UserStatus::Deactivated => UserStatus::Active,
        status => status,
    };
    set(app, editor, id, version, "reactivate the user", next).await
}

async fn set(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    action: &'static str,
    next: impl Fn(UserStatus) -> UserStatus,
) -> Result<User, Error> {
    let changed = change(app, editor, id, version, action, async |tx, user: &User| {
        let next = next(user.status);
        if next != user.status {
            users::set_status(tx, id, next).await?;
            let (before, after) = (serde_name(&user.status), serde_name(&next));
            audit::record_changes([Change::new("/status", Some(before.into()), Some(after.into()))]);
        }
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)
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
