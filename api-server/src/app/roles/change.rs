//! Creating, changing and deleting roles. Nobody can grant permissions that they do not have themselves, nor take back a denial of them.

use std::collections::BTreeSet;

use domain::{
    permission::Permissions,
    policy::{
        Effect, Grants, MAX_POLICIES_OF_ROLE, MAX_ROLES, Problem, SourcedPolicy, check_description,
        check_name,
    },
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{Role, RoleReference, built_in, read::read};
use crate::{
    app::{
        App, Error,
        audit::{self, differences},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome, deleted_since},
        rights::{require_own, violations},
        tenants,
    },
    auth::TenantScope,
    store::{
        self, TenantTx, policies, role_policies,
        roles::{self, Holders},
    },
};

const CREATE: &str = "create the role";
const UPDATE: &str = "change the role";
const DELETE: &str = "delete the role";
/// Kind of the object in the audit log.
const KIND: &str = "ROLE";

/// Role to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewRole {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// IDs of its policies.
    pub policies: Vec<Uuid>,
}

/// Parameters of a new role.
#[derive(Clone, Debug)]
pub struct Create {
    /// Role to create.
    pub role: NewRole,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Change of a role: the fields that are not `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// IDs of its policies.
    pub policies: Option<Vec<Uuid>>,
}

/// Creates a role and returns it, or the role that an earlier attempt of the same request created. `own` are the permissions of the
/// author.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has too many roles or one of this name, if the role is not valid or allows what
/// its author may not do, or if the database fails.
pub async fn create(
    app: &App,
    scope: TenantScope,
    own: Permissions,
    create: Create,
) -> Result<(Role, Outcome), Error> {
    let Create { role, requested_by, key } = create;
    let claim = Claim::new(scope, &requested_by, key, &KeyedAction::CreateRole { role: &role });
    let (id, outcome) = claim.run(app, create_once(app, scope, own, &role)).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let role = read(&mut tx, id).await.map_err(deleted_since)?;
    audit::record_object(KIND, Some(id), &role.row.name);
    Ok((role, outcome))
}

async fn create_once(app: &App, scope: TenantScope, own: Permissions, role: &NewRole) -> Result<Uuid, Error> {
    audit::begin_write(CREATE).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::active(&mut tx).await?;
    let id = insert(&mut tx, own, role).await?;
    tx.commit().await?;
    Ok(id)
}

/// Creates a role in a transaction, and returns its ID.
///
/// # Errors
/// Returns an error as [`create`] does.
pub(in crate::app) async fn insert(
    tx: &mut TenantTx,
    own: Permissions,
    role: &NewRole,
) -> Result<Uuid, Error> {
    policies::lock(tx).await?;
    if roles::total(tx).await? >= MAX_ROLES {
        return Err(Error::TooManyRules { action: CREATE, limit: MAX_ROLES });
    }
    check(tx, CREATE, None, role).await?;
    let id = telemetry::ids::uuid_v7();
    record(id, None, role);
    roles::create(tx, id, &role.name, &role.description).await?;
    roles::set_policies(tx, id, &role.policies).await?;
    let granted = policies_of(tx, id).await?;
    require_own(CREATE, own, Grants::new(granted).grantable())?;
    Ok(id)
}

/// Changes the name of a role in a transaction.
///
/// # Errors
/// Returns an error as [`update`] does.
pub(in crate::app) async fn rename(tx: &mut TenantTx, id: Uuid, name: &str) -> Result<(), Error> {
    policies::lock(tx).await?;
    let before = current(tx, UPDATE, id, None).await?;
    let after = NewRole { name: name.to_owned(), ..before.clone() };
    check(tx, UPDATE, Some(id), &after).await?;
    record(id, Some(&before), &after);
    Ok(roles::update(tx, id, name, &after.description).await?)
}

/// Changes a role and returns it. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error as [`create`] does, if the tenant has no such role, if it is built in, or if it was changed since this version.
pub async fn update(
    app: &App,
    scope: TenantScope,
    own: Permissions,
    reference: &str,
    version: Option<i64>,
    patch: Patch,
) -> Result<Role, Error> {
    let id = own_id(UPDATE, reference)?;
    audit::begin_write(UPDATE).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::active(&mut tx).await?;
    policies::lock(&mut tx).await?;
    let before = current(&mut tx, UPDATE, id, version).await?;
    let Patch { name, description, policies } = patch;
    let after = NewRole {
        name: name.unwrap_or_else(|| before.name.clone()),
        description: description.unwrap_or_else(|| before.description.clone()),
        policies: policies.unwrap_or_else(|| before.policies.clone()),
    };
    check(&mut tx, UPDATE, Some(id), &after).await?;
    let as_set = |policies: &[Uuid]| policies.iter().copied().collect::<BTreeSet<_>>();
    let has_same_policies = as_set(&before.policies) == as_set(&after.policies);
    if has_same_policies && (&before.name, &before.description) == (&after.name, &after.description) {
        return read(&mut tx, id).await;
    }
    record(id, Some(&before), &after);
    roles::update(&mut tx, id, &after.name, &after.description).await?;
    if !has_same_policies {
        let old = policies_of(&mut tx, id).await?;
        roles::set_policies(&mut tx, id, &after.policies).await?;
        let new = policies_of(&mut tx, id).await?;
        require_own(UPDATE, own, released(&old, &new).union(Grants::new(new).grantable()))?;
    }
    let changed = read(&mut tx, id).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a role that nobody has. `version` is the one that it must have; any if `None`. `own` are the permissions of the caller.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such role, if it is built in, if it was changed since this version, if
/// it denies what the caller may not do, if a user, an invited person or a service account has it, or if the database fails.
pub async fn delete(
    app: &App,
    scope: TenantScope,
    own: Permissions,
    reference: &str,
    version: Option<i64>,
) -> Result<(), Error> {
    let id = own_id(DELETE, reference)?;
    audit::begin_write(DELETE).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::active(&mut tx).await?;
    policies::lock(&mut tx).await?;
    let before = current(&mut tx, DELETE, id, version).await?;
    let old = policies_of(&mut tx, id).await?;
    require_own(DELETE, own, released(&old, &[]))?;
    if let Some(used_by) = used_by(roles::holders(&mut tx, id).await?) {
        return Err(Error::InUse { action: DELETE, used_by });
    }
    audit::record_changes(differences(&json!(before), &json!({})));
    roles::delete(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Returns how many have a role, and what to do; `None` if nobody has it.
fn used_by(holders: Holders) -> Option<String> {
    let Holders { users, invited, service_accounts } = holders;
    let numbers = [
        (users, "user", "users"),
        (invited, "invited person", "invited persons"),
        (service_accounts, "service account", "service accounts"),
    ];
    let named = numbers.into_iter().filter(|(number, _, _)| *number > 0);
    let named = named.map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }));
    let named: Vec<_> = named.collect();
    (!named.is_empty()).then(|| {
        format!("it is the role of {}; give them other roles, or delete them, first", named.join(", "))
    })
}

/// Returns the ID of a role that can be changed.
fn own_id(action: &'static str, reference: &str) -> Result<Uuid, Error> {
    match RoleReference::parse(reference).ok_or(Error::NotFound)? {
        RoleReference::Own(id) => Ok(id),
        RoleReference::BuiltIn(role) => Err(Error::BuiltInRole { action, role: role.name.to_owned() }),
    }
}

async fn current(
    tx: &mut TenantTx,
    action: &'static str,
    id: Uuid,
    version: Option<i64>,
) -> Result<NewRole, Error> {
    let row = roles::get(tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(KIND, Some(id), &row.name);
    if version.is_some_and(|version| version != row.version) {
        return Err(Error::Stale { action });
    }
    let store::Role { name, description, policies, .. } = row;
    Ok(NewRole { name, description, policies })
}

async fn policies_of(tx: &mut TenantTx, id: Uuid) -> Result<Vec<SourcedPolicy>, Error> {
    Ok(role_policies::of_roles(tx, &[id]).await?)
}

/// Returns what a role denied and does not deny in the same way any more.
fn released(old: &[SourcedPolicy], new: &[SourcedPolicy]) -> Permissions {
    let denials =
        old.iter().filter(|sourced| sourced.policy.effect == Effect::Deny && !new.contains(sourced));
    denials.fold(Permissions::NONE, |all, sourced| all.union(sourced.policy.permissions))
}

async fn check(
    tx: &mut TenantTx,
    action: &'static str,
    own: Option<Uuid>,
    role: &NewRole,
) -> Result<(), Error> {
    let NewRole { name, description, policies } = role;
    let texts = [check_name(name), check_description(description)];
    let mut problems: Vec<_> = texts.into_iter().filter_map(Result::err).collect();
    let problem =
        |pointer: &str, code, message: String| Problem { pointer: pointer.to_owned(), code, message };
    if built_in::find(&name.to_lowercase()).is_some() {
        problems.push(problem("/name", "invalid", "is the name of a built-in role".to_owned()));
    }
    if policies.len() > MAX_POLICIES_OF_ROLE {
        let message = format!("has {} items; at most {MAX_POLICIES_OF_ROLE} are allowed", policies.len());
        problems.push(problem("/policies", "too_many", message));
    } else {
        problems.extend(policy_problems(tx, policies).await?);
    }
    if !problems.is_empty() {
        return Err(Error::InvalidRule { action, violations: violations(problems) });
    }
    match roles::id_of_name(tx, name).await? {
        Some(id) if Some(id) != own => {
            Err(Error::AlreadyExists { action, name: format!("a role named {name}") })
        }
        _ => Ok(()),
    }
}

/// Returns the errors of IDs that name no policy, or the same one twice.
async fn policy_problems(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Problem>, Error> {
    let found: BTreeSet<Uuid> =
        policies::by_ids(tx, ids).await?.into_iter().map(|policy| policy.id).collect();
    let mut seen = BTreeSet::new();
    let check = |(index, id): (usize, &Uuid)| {
        let (code, message) = match (found.contains(id), seen.insert(*id)) {
            (true, true) => return None,
            (false, _) => ("unknown_policy", "must be the ID of a policy of the tenant"),
            (true, false) => ("invalid", "names a policy a second time"),
        };
        Some(Problem { pointer: format!("/policies/{index}"), code, message: message.to_owned() })
    };
    Ok(ids.iter().enumerate().filter_map(check).collect())
}

fn record(id: Uuid, before: Option<&NewRole>, after: &NewRole) {
    audit::record_object(KIND, Some(id), &after.name);
    let before = before.map_or_else(|| json!({}), |before| json!(before));
    audit::record_changes(differences(&before, &json!(after)));
}
