//! Reading groups.

use std::collections::HashMap;

use domain::permission::TENANT_ROLES;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    app::{App, Error, Violation},
    auth::TenantScope,
    db::Timestamp,
    store::{
        TenantTx,
        roles::{self, GroupRow},
        users::{self, RoleMember},
    },
};

/// Maximum number of members in one response.
const MAX_MEMBERS: usize = 10_000;
/// Length of a version: as much of a SHA-256 as distinguishes the states of one group.
const VERSION_BYTES: usize = 16;

/// Role as a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name of a built-in role, or ID of a role of the tenant.
    pub id: String,
    /// Name.
    pub name: String,
    /// Identifier that the identity provider has chosen; `None` for built-in roles.
    pub external_id: Option<String>,
    /// Number of changes of the role, starting at 1; its members are not counted.
    pub role_version: i64,
    /// Time of creation and of the last change; `None` for built-in roles.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Members by their IDs; `None` if they were not requested.
    pub members: Option<Vec<RoleMember>>,
}

/// Conditions on groups, all of which must hold; those that are `None` always do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Name of a built-in role, or ID of a role of the tenant.
    pub id: Option<String>,
    /// Name, without regard to case.
    pub name: Option<String>,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<String>,
    /// User who is a member.
    pub member: Option<Uuid>,
}

impl Group {
    /// Returns the version of the group and its members; `None` if they were not requested.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let members = self.members.as_ref()?;
        let mut digest = Sha256::new();
        digest.update(self.role_version.to_be_bytes());
        for member in members {
            digest.update(member.user_id.as_bytes());
        }
        Some(hex::encode(digest.finalize().iter().copied().take(VERSION_BYTES).collect::<Vec<_>>()))
    }

    /// Returns the ID of the role; `None` if it is built in.
    #[must_use]
    pub fn own_role(&self) -> Option<Uuid> {
        self.times.is_some().then(|| self.id.parse().ok()).flatten()
    }
}

/// Returns a page of groups, the built-in ones first, and the number of all that match. `offset` is the number of groups before the page.
///
/// # Errors
/// Returns an error if the groups of the page have too many members, or if the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    selection: &Selection,
    offset: usize,
    limit: usize,
    with_members: bool,
) -> Result<(Vec<Group>, usize), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let mut groups = all(&mut tx).await?;
    let Selection { id, name, external_id, member } = selection;
    let name = name.as_ref().map(|name| name.to_lowercase());
    groups.retain(|group| {
        id.as_ref().is_none_or(|id| *id == group.id)
            && name.as_ref().is_none_or(|name| *name == group.name.to_lowercase())
            && external_id.as_ref().is_none_or(|id| Some(id) == group.external_id.as_ref())
    });
    if let Some(member) = member {
        let user = users::get(&mut tx, *member).await?;
        let roles = user.map(|user| user.roles).unwrap_or_default();
        groups.retain(|group| roles.contains(&group.id));
    }
    let total = groups.len();
    let mut page: Vec<_> = groups.into_iter().skip(offset).take(limit).collect();
    if with_members {
        add_members(&mut tx, &mut page).await?;
    }
    Ok((page, total))
}

/// Returns a group.
///
/// # Errors
/// Returns an error if there is no such group, if it has too many members, or if the database fails.
pub async fn get(app: &App, scope: TenantScope, id: &str, with_members: bool) -> Result<Group, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    read(&mut tx, id, with_members).await
}

pub(super) async fn read(tx: &mut TenantTx, id: &str, with_members: bool) -> Result<Group, Error> {
    let groups = all(tx).await?;
    let mut group = groups.into_iter().find(|group| group.id == id).ok_or(Error::NotFound)?;
    if with_members {
        add_members(tx, std::slice::from_mut(&mut group)).await?;
    }
    Ok(group)
}

/// Returns all roles as groups without members. There are at most some hundreds.
async fn all(tx: &mut TenantTx) -> Result<Vec<Group>, Error> {
    let built_in = |name: &&str| Group {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        external_id: None,
        role_version: 1,
        times: None,
        members: None,
    };
    let own = |row: GroupRow| {
        let GroupRow { id, name, external_id, version, created_at, updated_at } = row;
        let times = Some((created_at, updated_at));
        Group { id: id.to_string(), name, external_id, role_version: version, times, members: None }
    };
    let rows = roles::groups(tx).await?;
    Ok(TENANT_ROLES.iter().map(built_in).chain(rows.into_iter().map(own)).collect())
}

async fn add_members(tx: &mut TenantTx, groups: &mut [Group]) -> Result<(), Error> {
    let ids: Vec<String> = groups.iter().map(|group| group.id.clone()).collect();
    let limit = i64::try_from(MAX_MEMBERS + 1).unwrap_or(i64::MAX);
    let members = users::members(tx, &ids, limit).await?;
    if members.len() > MAX_MEMBERS {
        let message = format!(
            "the groups have more than {MAX_MEMBERS} members; read them with excludedAttributes=members, or one by one"
        );
        let violation = Violation { pointer: "/members".to_owned(), code: "tooMany".to_owned(), message };
        return Err(Error::InvalidRequest { action: "list the members", violations: vec![violation] });
    }
    let mut by_role = HashMap::<String, Vec<_>>::new();
    for member in members {
        by_role.entry(member.role.clone()).or_default().push(member);
    }
    for group in groups {
        group.members = Some(by_role.remove(&group.id).unwrap_or_default());
    }
    Ok(())
}
