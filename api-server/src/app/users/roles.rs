//! Giving roles to users, and taking them.

use uuid::Uuid;

use super::{
    Editor, change,
    grant::{MAX_ROLES, check_grant},
};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
    },
    store::{User, users},
};

/// Gives a role to a user and returns it. A user who has the role stays as it is. `version` is the version that the user must have,
/// or `None`.
///
/// # Errors
/// Returns an error if there is no such role, if it has permissions that the caller lacks, or as [`change`] does.
pub async fn assign_role(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    role: String,
) -> Result<User, Error> {
    const ACTION: &str = "assign the role";
    let changed = change(app, editor, id, version, ACTION, async |tx, user: &User| {
        let roles = [role];
        check_grant(tx, editor.permissions, &roles, ACTION, |_| "/roleId".to_owned()).await?;
        let [role] = roles;
        if user.roles.len() >= MAX_ROLES && !user.roles.contains(&role) {
            return Err(refused(ACTION, format!("a user has at most {MAX_ROLES} roles")));
        }
        if users::add_role(tx, id, &role).await? {
            let with_role = user.roles.iter().cloned().chain([role]).collect();
            record(&user.roles, with_role);
        }
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)
}

/// Takes a role from a user and returns it. A user without the role stays as it is. `version` is the version that the user must
/// have, or `None`.
///
/// # Errors
/// Returns an error if it is the only role of the user, if it makes the last active owner lose its role, or as [`change`] does.
pub async fn remove_role(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    role: String,
) -> Result<User, Error> {
    const ACTION: &str = "remove the role";
    let changed = change(app, editor, id, version, ACTION, async |tx, user: &User| {
        if !users::remove_role(tx, id, &role).await? {
            return Ok(());
        }
        let others: Vec<_> = user.roles.iter().filter(|other| **other != role).cloned().collect();
        if others.is_empty() {
            let message = "a user has at least one role; assign another one first, or deactivate the user";
            return Err(refused(ACTION, message.to_owned()));
        }
        record(&user.roles, others);
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)
}

fn record(before: &[String], after: Vec<String>) {
    audit::record_changes([Change::new("/roles", Some(before.into()), Some(after.into()))]);
}

fn refused(action: &'static str, message: String) -> Error {
    let violation = Violation { pointer: "/roleId".to_owned(), code: "number_of_roles".to_owned(), message };
    Error::InvalidRequest { action, violations: vec![violation] }
}
