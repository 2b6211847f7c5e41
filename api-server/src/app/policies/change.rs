//! Creating, changing and deleting policies. Nobody can grant permissions that they do not have themselves, nor take back a denial of them.

use domain::{
    permission::Permissions,
    policy::{ConditionSpec, Effect, MAX_POLICIES, PolicySpec, Selector, check_description, check_name},
};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{get, spec_of};
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
        Policy, TenantTx,
        policies::{self, PolicyFields},
    },
};

const CREATE: &str = "create the policy";
const UPDATE: &str = "change the policy";
const DELETE: &str = "delete the policy";
/// Kind of the object in the audit log.
const KIND: &str = "POLICY";

/// Policy to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewPolicy {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// The rule.
    pub spec: PolicySpec,
}

/// Parameters of a new policy.
#[derive(Clone, Debug)]
pub struct Create {
    /// Policy to create.
    pub policy: NewPolicy,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Change of a policy: the fields that are not `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Effect.
    pub effect: Option<Effect>,
    /// Nodes of the permission tree.
    pub actions: Option<Vec<String>>,
    /// Selectors of resources.
    pub resources: Option<Vec<Selector>>,
    /// Conditions.
    pub conditions: Option<Vec<ConditionSpec>>,
}

/// Creates a policy and returns it, or the policy that an earlier attempt of the same request created. `own` are the permissions of the
/// author.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has too many policies or one of this name, if the policy is not valid or allows
/// what its author may not do, or if the database fails.
pub async fn create(
    app: &App,
    scope: TenantScope,
    own: Permissions,
    create: Create,
) -> Result<(Policy, Outcome), Error> {
    let Create { policy, requested_by, key } = create;
    let claim = Claim::new(scope, &requested_by, key, &KeyedAction::CreatePolicy { policy: &policy });
    let (id, outcome) = claim.run(app, insert(app, scope, own, &policy)).await?;
    let policy = get(app, scope, id).await.map_err(deleted_since)?;
    audit::record_object(KIND, Some(id), &policy.name);
    Ok((policy, outcome))
}

async fn insert(app: &App, scope: TenantScope, own: Permissions, policy: &NewPolicy) -> Result<Uuid, Error> {
    let fields = check(CREATE, own, policy)?;
    audit::begin_write(CREATE).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::active(&mut tx).await?;
    policies::lock(&mut tx).await?;
    if policies::total(&mut tx).await? >= MAX_POLICIES {
        return Err(Error::TooManyRules { action: CREATE, limit: MAX_POLICIES });
    }
    check_unique(&mut tx, CREATE, None, &policy.name).await?;
    let id = telemetry::ids::uuid_v7();
    record(id, None, policy);
    policies::create(&mut tx, id, &fields).await?;
    tx.commit().await?;
    Ok(id)
}

/// Changes a policy and returns it. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error as [`create`] does, if the tenant has no such policy, or if it was changed since this version.
pub async fn update(
    app: &App,
    scope: TenantScope,
    own: Permissions,
    id: Uuid,
    version: Option<i64>,
    patch: Patch,
) -> Result<Policy, Error> {
    audit::begin_write(UPDATE).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::active(&mut tx).await?;
    policies::lock(&mut tx).await?;
    let current = policies::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(KIND, Some(id), &current.name);
    if version.is_some_and(|version| version != current.version) {
        return Err(Error::Stale { action: UPDATE });
    }
    let (before, after) = patched(&current, patch);
    let fields = match before.as_ref().is_some_and(|before| before.spec == after.spec) {
        // A new name grants nothing.
        true => check(UPDATE, Permissions::of_tenant(), &after)?,
        false => {
            require_own(UPDATE, own, denied(before.as_ref()))?;
            check(UPDATE, own, &after)?
        }
    };
    check_unique(&mut tx, UPDATE, Some(id), &after.name).await?;
    if before.as_ref() == Some(&after) {
        return Ok(current);
    }
    record(id, before.as_ref(), &after);
    policies::update(&mut tx, id, &fields).await?;
    let changed = policies::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}

/// Deletes a policy that no role has. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such policy, if it was changed since this version, if a role has it,
/// or if the database fails.
pub async fn delete(app: &App, scope: TenantScope, id: Uuid, version: Option<i64>) -> Result<(), Error> {
    audit::begin_write(DELETE).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::active(&mut tx).await?;
    policies::lock(&mut tx).await?;
    let current = policies::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(KIND, Some(id), &current.name);
    if version.is_some_and(|version| version != current.version) {
        return Err(Error::Stale { action: DELETE });
    }
    let roles = policies::roles_with(&mut tx, id).await?;
    if !roles.is_empty() {
        let used_by = format!("these roles have it: {}; remove it from them first", roles.join(", "));
        return Err(Error::InUse { action: DELETE, used_by });
    }
    let (before, _) = patched(&current, Patch::default());
    audit::record_changes(differences(&before.as_ref().map_or_else(|| json!({}), flat), &json!({})));
    policies::delete(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Checks a policy and what it allows.
fn check(action: &'static str, own: Permissions, policy: &NewPolicy) -> Result<PolicyFields, Error> {
    let NewPolicy { name, description, spec } = policy;
    let texts = [check_name(name), check_description(description)];
    let mut problems: Vec<_> = texts.into_iter().filter_map(Result::err).collect();
    match spec.validate() {
        Ok(valid) if problems.is_empty() => {
            if valid.effect == Effect::Allow {
                require_own(action, own, valid.permissions)?;
            }
            let PolicySpec { effect, actions, resources, conditions } = spec;
            Ok(PolicyFields {
                name: name.clone(),
                description: description.clone(),
                effect: effect.as_str(),
                actions: actions.clone(),
                resources: json!(resources),
                conditions: json!(conditions),
            })
        }
        result => {
            problems.extend(result.err().unwrap_or_default());
            Err(Error::InvalidRule { action, violations: violations(problems) })
        }
    }
}

/// Returns a policy before and after a change. It is `None` before it if this release cannot read it.
fn patched(current: &Policy, patch: Patch) -> (Option<NewPolicy>, NewPolicy) {
    let Patch { name, description, effect, actions, resources, conditions } = patch;
    let before = spec_of(current);
    let spec = before.clone().unwrap_or_else(|| PolicySpec {
        effect: Effect::Deny,
        actions: current.actions.clone(),
        resources: Vec::new(),
        conditions: Vec::new(),
    });
    let with = |spec: PolicySpec| NewPolicy {
        name: current.name.clone(),
        description: current.description.clone(),
        spec,
    };
    let after = NewPolicy {
        name: name.unwrap_or_else(|| current.name.clone()),
        description: description.unwrap_or_else(|| current.description.clone()),
        spec: PolicySpec {
            effect: effect.unwrap_or(spec.effect),
            actions: actions.unwrap_or(spec.actions),
            resources: resources.unwrap_or(spec.resources),
            conditions: conditions.unwrap_or(spec.conditions),
        },
    };
    (before.map(with), after)
}

/// Returns what a policy denies: whoever changes it may give it back to others.
fn denied(policy: Option<&NewPolicy>) -> Permissions {
    match policy.map(|policy| policy.spec.validate()) {
        Some(Ok(valid)) if valid.effect == Effect::Allow => Permissions::NONE,
        Some(Ok(valid)) => valid.permissions,
        // A policy that is not valid in this release may deny everything.
        Some(Err(_)) | None => Permissions::of_tenant(),
    }
}

async fn check_unique(
    tx: &mut TenantTx,
    action: &'static str,
    own: Option<Uuid>,
    name: &str,
) -> Result<(), Error> {
    match policies::id_of_name(tx, name).await? {
        Some(id) if Some(id) != own => {
            Err(Error::AlreadyExists { action, name: format!("a policy named {name}") })
        }
        _ => Ok(()),
    }
}

fn record(id: Uuid, before: Option<&NewPolicy>, after: &NewPolicy) {
    audit::record_object(KIND, Some(id), &after.name);
    audit::record_changes(differences(&before.map_or_else(|| json!({}), flat), &flat(after)));
}

/// Returns a policy as the audit log compares it.
fn flat(policy: &NewPolicy) -> Value {
    let NewPolicy { name, description, spec: PolicySpec { effect, actions, resources, conditions } } = policy;
    json!({"name": name, "description": description, "effect": effect, "actions": actions,
           "resources": resources, "conditions": conditions})
}
