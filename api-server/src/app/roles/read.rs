//! Reading roles.

use domain::{
    permission::{Permission, Permissions},
    policy::Grants,
};
use std::{collections::HashMap, fmt};
use uuid::Uuid;

use super::built_in;
use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{self, Count, TenantTx, role_policies, roles, roles::BuiltIn},
};

/// What requests name a role by: the name of a built-in one, or the ID of one of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleReference {
    /// Built-in role.
    BuiltIn(BuiltIn),
    /// Role of the tenant.
    Own(Uuid),
}

/// Role with the permissions that it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// Row of the role; of a built-in role, only its name and description are of use.
    pub row: store::Role,
    /// Permissions that it gives, for some resources at least.
    pub permissions: Vec<Permission>,
}

impl RoleReference {
    /// Reads a reference; `None` if there can be no such role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let own = || text.parse().ok().map(Self::Own);
        built_in::find(text).map(Self::BuiltIn).or_else(own)
    }
}

impl fmt::Display for RoleReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.name),
            Self::Own(id) => id.fmt(f),
        }
    }
}

impl Role {
    /// Returns what users refer to the role by: the name of a built-in role, or the ID of one of the tenant.
    #[must_use]
    pub fn reference(&self) -> RoleReference {
        let built_in = built_in::find(&self.row.name).filter(|_| self.row.built_in);
        built_in.map_or(RoleReference::Own(self.row.id), RoleReference::BuiltIn)
    }
}

/// Returns a page of the built-in roles and those of the tenant. The built-in ones are older than all others.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(app: &App, scope: TenantScope, paging: &Paging) -> Result<Page<Role>, Error> {
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "roles", paging.order);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let built_in = built_in::all();
    let query =
        roles::Query { built_in: &built_in, order: paging.reading_order(), after, limit: paging.limit };
    let store::Page { items, next } = roles::list(&mut tx, query).await?;
    let items = with_permissions(&mut tx, items).await?;
    Ok(list.page(store::Page { items, next }, paging))
}

/// Counts the built-in roles and those of the tenant.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(roles::count(&mut tx, built_in::all().len()).await?)
}

/// Returns a role, by the name of a built-in role or the ID of one of the tenant.
///
/// # Errors
/// Returns an error if the tenant has no such role or the database fails.
pub async fn get(app: &App, scope: TenantScope, reference: &str) -> Result<Role, Error> {
    match RoleReference::parse(reference).ok_or(Error::NotFound)? {
        RoleReference::BuiltIn(role) => Ok(built_in_role(role)),
        RoleReference::Own(id) => {
            let mut tx = TenantTx::begin(&app.db, scope).await?;
            read(&mut tx, id).await
        }
    }
}

/// Returns the roles of these references, in no particular order. Unknown ones are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, references: &[String]) -> Result<Vec<Role>, Error> {
    let (mut found, mut own) = (Vec::new(), Vec::new());
    for reference in references.iter().filter_map(|text| RoleReference::parse(text)) {
        match reference {
            RoleReference::BuiltIn(role) => found.push(built_in_role(role)),
            RoleReference::Own(id) => own.push(id),
        }
    }
    if !own.is_empty() {
        let mut tx = TenantTx::begin(&app.db, scope).await?;
        let rows = roles::by_ids(&mut tx, &own).await?;
        found.extend(with_permissions(&mut tx, rows).await?);
    }
    Ok(found)
}

/// Returns a role that the tenant has created.
pub(super) async fn read(tx: &mut TenantTx, id: Uuid) -> Result<Role, Error> {
    let row = roles::get(tx, id).await?.ok_or(Error::NotFound)?;
    with_permissions(tx, vec![row]).await?.pop().ok_or(Error::NotFound)
}

fn built_in_role(BuiltIn { id, name, description }: BuiltIn) -> Role {
    let epoch = jiff::Timestamp::UNIX_EPOCH.into();
    let row = store::Role {
        id,
        name: name.to_owned(),
        description: description.to_owned(),
        built_in: true,
        version: 1,
        created_at: epoch,
        updated_at: epoch,
        policies: Vec::new(),
    };
    Role { row, permissions: Permissions::of_roles(&[name]).iter().collect() }
}

async fn with_permissions(tx: &mut TenantTx, rows: Vec<store::Role>) -> Result<Vec<Role>, Error> {
    let own: Vec<Uuid> = rows.iter().filter(|row| !row.built_in).map(|row| row.id).collect();
    let policies = if own.is_empty() { Vec::new() } else { role_policies::of_roles(tx, &own).await? };
    let mut by_role = HashMap::<String, Vec<_>>::new();
    for sourced in policies {
        by_role.entry(sourced.source.role.clone()).or_default().push(sourced);
    }
    let role = |row: store::Role| {
        let grants = match row.built_in {
            true => Grants::built_in(&[&row.name]),
            false => Grants::new(by_role.remove(&row.id.to_string()).unwrap_or_default()),
        };
        Role { row, permissions: grants.grantable().without(grants.denied()).iter().collect() }
    };
    Ok(rows.into_iter().map(role).collect())
}
