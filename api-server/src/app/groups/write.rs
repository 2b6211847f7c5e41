//! Creating, changing and deleting groups.

use domain::permission::{Permission, Permissions};
use uuid::Uuid;

use super::read::{Group, read};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
        kubernetes::write_permit,
        roles::{self, NewRole},
        tenants::active,
        users::{Editor, MemberChange, change_members},
    },
    store::{self, TenantTx},
};

const CREATE: &str = "create the group";
const UPDATE: &str = "change the group";
/// Kind of roles in the audit log.
const KIND: &str = "ROLE";
/// Maximum length of an identifier that the identity provider has chosen, in characters.
const MAX_EXTERNAL_ID_LETTERS: usize = 255;

/// Caller of a use case that changes groups.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Tenant, and the permissions that the caller can grant.
    pub editor: Editor,
    /// Permissions of the caller.
    pub permissions: Permissions,
}

/// Group to create.
#[derive(Clone, Debug)]
pub struct Create {
    /// Name.
    pub name: String,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<String>,
    /// Members.
    pub members: Vec<MemberChange>,
}

/// Change of a group: absent fields stay, and `Some(None)` removes a field.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Name.
    pub name: Option<String>,
    /// Identifier that the identity provider has chosen. That of a built-in role is ignored.
    pub external_id: Option<Option<String>>,
    /// Changes of the members, in order.
    pub members: Vec<MemberChange>,
}

/// Creates a role without permissions, gives it to the members, and returns it as a group.
///
/// # Errors
/// Returns an error if the tenant accepts no writes, has too many roles, or one of this name; if the group is not valid; if the caller may
/// not assign roles to the members; or if the database fails.
pub async fn create(app: &App, caller: Caller, create: Create) -> Result<Group, Error> {
    let Create { name, external_id, members } = create;
    check_external_id(external_id.as_deref(), CREATE)?;
    let Caller { editor, permissions } = caller;
    let _permit = write_permit(app, editor.scope.tenant_id(), CREATE).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let role = NewRole { name, description: String::new(), policies: Vec::new() };
    let id = roles::insert(&mut tx, editor.permissions, &role).await?;
    if external_id.is_some() {
        store::roles::set_external_id(&mut tx, id, external_id.as_deref()).await?;
    }
    let id = id.to_string();
    let mut changes = vec![Change::new("/name", None, Some(role.name.as_str().into()))];
    changes.extend(external_id.map(|id| Change::new("/externalId", None, Some(id.into()))));
    changes.extend(members_changes(&mut tx, caller, &id, &members, permissions, CREATE).await?);
    audit::record_changes(changes);
    let group = read(&mut tx, &id, true).await?;
    tx.commit().await?;
    Ok(group)
}

/// Changes a group and returns it. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such group; if it was changed since this version; if the change is not
/// valid; if it would rename a built-in role; if the caller lacks a permission; or if the database fails.
pub async fn update(
    app: &App,
    caller: Caller,
    id: &str,
    version: Option<&str>,
    update: Update,
) -> Result<Group, Error> {
    let Update { name, external_id, members } = update;
    check_external_id(external_id.as_ref().and_then(Option::as_deref), UPDATE)?;
    let Caller { editor, permissions } = caller;
    let _permit = write_permit(app, editor.scope.tenant_id(), UPDATE).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let before = read(&mut tx, id, version.is_some()).await?;
    audit::record_object(KIND, before.own_role(), &before.name);
    if version.is_some() && version != before.version().as_deref() {
        return Err(Error::Stale { action: UPDATE });
    }
    let mut changes = Vec::new();
    if let Some(name) = name.filter(|name| *name != before.name) {
        let role = own_role(&before, "/displayName")?;
        require(permissions, Permission::ROLE_UPDATE)?;
        roles::rename(&mut tx, role, &name).await?;
        changes.push(Change::new("/name", Some(before.name.as_str().into()), Some(name.into())));
    }
    if let (Some(external_id), Some(role)) = (external_id, before.own_role())
        && external_id != before.external_id
    {
        require(permissions, Permission::ROLE_UPDATE)?;
        store::roles::set_external_id(&mut tx, role, external_id.as_deref()).await?;
        let (old, new) = (before.external_id.clone(), external_id);
        changes.push(Change::new("/externalId", old.map(Into::into), new.map(Into::into)));
    }
    changes.extend(members_changes(&mut tx, caller, id, &members, permissions, UPDATE).await?);
    audit::record_changes(changes);
    let group = read(&mut tx, id, true).await?;
    tx.commit().await?;
    Ok(group)
}

/// Deletes the role of a group without members. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error if the role is built in, or as [`roles::delete`] does.
pub async fn delete(
    app: &App,
    Caller { editor, .. }: Caller,
    id: &str,
    version: Option<&str>,
) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let group = read(&mut tx, id, version.is_some()).await?;
    drop(tx);
    own_role(&group, "/id")?;
    if version.is_some() && version != group.version().as_deref() {
        return Err(Error::Stale { action: UPDATE });
    }
    let version = version.map(|_| group.role_version);
    roles::delete(app, editor.scope, editor.permissions, id, version).await
}

async fn members_changes(
    tx: &mut TenantTx,
    caller: Caller,
    id: &str,
    members: &[MemberChange],
    permissions: Permissions,
    action: &'static str,
) -> Result<Vec<Change>, Error> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    require(permissions, Permission::USER_ROLE_ASSIGN)?;
    change_members(tx, caller.editor, id, members, action).await
}

fn require(permissions: Permissions, permission: Permission) -> Result<(), Error> {
    if permissions.allows(permission) { Ok(()) } else { Err(Error::NotPermitted { permission }) }
}

fn own_role(group: &Group, pointer: &str) -> Result<Uuid, Error> {
    group.own_role().ok_or_else(|| {
        let message =
            format!("the role {} is built in: it keeps its name, and cannot be deleted", group.name);
        invalid(UPDATE, pointer, "immutable", message)
    })
}

fn check_external_id(external_id: Option<&str>, action: &'static str) -> Result<(), Error> {
    let is_valid = |id: &str| {
        (1..=MAX_EXTERNAL_ID_LETTERS).contains(&id.chars().count()) && !id.chars().any(char::is_control)
    };
    if external_id.is_none_or(is_valid) {
        return Ok(());
    }
    let message = format!("must have 1 to {MAX_EXTERNAL_ID_LETTERS} characters, and no control characters");
    Err(invalid(action, "/externalId", "invalid", message))
}

fn invalid(action: &'static str, pointer: &str, code: &str, message: String) -> Error {
    let violation = Violation { pointer: pointer.to_owned(), code: code.to_owned(), message };
    Error::InvalidRequest { action, violations: vec![violation] }
}
