//! Giving a role to many users, and taking it from many, in one transaction.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Editor,
    grant::{MAX_ROLES, check_grant, check_power},
    last_owner,
};
use crate::{
    app::{Error, Violation, audit::Change},
    store::{TenantTx, users},
};

/// Maximum number of users whose membership changes in one request: the audit event of the request names all of them.
pub const MAX_MEMBER_CHANGES: usize = 250;
/// Number of IDs in one change of an audit event, which fit into the maximum size of a value.
const IDS_OF_CHANGE: usize = 6;

/// Change of the users who have a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// These users get the role, too.
    Add(BTreeSet<Uuid>),
    /// These users lose the role.
    Remove(BTreeSet<Uuid>),
    /// These users, and no others, have the role.
    Replace(BTreeSet<Uuid>),
}

/// Changes the users who have a role, and returns the changes.
///
/// # Errors
/// Returns an error if too many users would change; if a user does not exist, would have too many roles, or no role; if the caller lacks
/// a permission of the role or of a user; if the tenant would have no active owner; or if the database fails.
pub(in crate::app) async fn change_members(
    tx: &mut TenantTx,
    editor: Editor,
    role: &str,
    changes: &[MemberChange],
    action: &'static str,
) -> Result<Vec<Change>, Error> {
    let roles = [role.to_owned()];
    let limit = i64::from(u32::MAX);
    let before: BTreeSet<Uuid> =
        users::members(tx, &roles, limit).await?.into_iter().map(|member| member.user_id).collect();
    let after = changes.iter().fold(before.clone(), |members, change| match change {
        MemberChange::Add(added) => &members | added,
        MemberChange::Remove(removed) => &members - removed,
        MemberChange::Replace(replacement) => replacement.clone(),
    });
    let (added, removed) = (&after - &before, &before - &after);
    let number = added.len() + removed.len();
    if number > MAX_MEMBER_CHANGES {
        let message = format!(
            "{number} members would change; at most {MAX_MEMBER_CHANGES} are allowed in one request: send several"
        );
        return Err(refused(action, "tooMany", message));
    }
    if !added.is_empty() {
        check_grant(tx, editor.permissions, &roles, action, |_| "/id".to_owned()).await?;
    }
    // In the order of their IDs, so that two requests do not wait for each other.
    for id in &added | &removed {
        let Some(user) = users::lock(tx, id).await? else {
            // A user who was deleted meanwhile has lost the role already.
            if removed.contains(&id) {
                continue;
            }
            return Err(refused(action, "invalid", format!("{id} is not the ID of a user")));
        };
        check_power(tx, editor.permissions, &user, action).await?;
        let has_role = user.roles.iter().any(|other| other == role);
        if added.contains(&id) && !has_role && user.roles.len() >= MAX_ROLES {
            return Err(refused(
                action,
                "invalid",
                format!("user {id} has {MAX_ROLES} roles, which is the maximum"),
            ));
        }
        if removed.contains(&id) && has_role && user.roles.len() == 1 {
            let message = format!("user {id} has no other role; assign one first, or deactivate the user");
            return Err(refused(action, "invalid", message));
        }
    }
    // Added first, since one of them may be the next owner.
    for id in &added {
        users::add_role(tx, *id, role).await?;
    }
    for id in &removed {
        let result = users::remove_role(tx, *id, role).await;
        result.map_err(|error| last_owner(error.into(), action))?;
    }
    Ok(recorded("/members/removed", &removed).chain(recorded("/members/added", &added)).collect())
}

/// Returns the entries of the audit event for users whose membership changed.
fn recorded(field: &'static str, ids: &BTreeSet<Uuid>) -> impl Iterator<Item = Change> {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let chunks: Vec<_> =
        ids.chunks(IDS_OF_CHANGE).map(|ids| Change::new(field, None, Some(ids.into()))).collect();
    chunks.into_iter()
}

fn refused(action: &'static str, code: &str, message: String) -> Error {
    let violation = Violation { pointer: "/members".to_owned(), code: code.to_owned(), message };
    Error::InvalidRequest { action, violations: vec![violation] }
}
