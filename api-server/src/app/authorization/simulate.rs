//! Simulation of a policy that does not exist yet, over the requests in the audit log.

use std::{collections::HashMap, ops::RangeInclusive};

use domain::{
    permission::{Permission, Permissions},
    policy::{
        Certainty, Grants, MAX_ROLES_OF_PRINCIPAL, Policy, PolicySpec, Request, ResourceKind, Source,
        SourcedPolicy,
    },
};
use uuid::Uuid;

use super::resource::{Attributes, invalid};
use crate::{
    app::{App, Error, rights::violations, roles},
    auth::TenantScope,
    store::{
        Limit, TenantTx,
        audit::{self, AuditEvent},
        rights,
    },
};

const ACTION: &str = "simulate the policy";
/// Number of requests of a simulation by default.
pub const DEFAULT_REQUESTS: usize = 100;
/// Numbers of requests that a simulation can have.
const REQUESTS: RangeInclusive<usize> = 1..=500;
/// Numbers of roles that a simulation can have.
const ROLES: RangeInclusive<usize> = 1..=MAX_ROLES_OF_PRINCIPAL;

/// Policy to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The rule.
    pub spec: PolicySpec,
    /// Roles that would have it: names of built-in roles and IDs of the tenant's own.
    pub roles: Vec<String>,
    /// ID of the policy that it would replace.
    pub replaces: Option<Uuid>,
    /// Number of the newest requests to evaluate.
    pub requests: usize,
}

/// Request whose decision the policy would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Event of the request.
    pub event: AuditEvent,
    /// Whether it would be allowed with the policies of now.
    pub before: bool,
    /// Whether it would be allowed with the draft.
    pub after: bool,
}

/// Result of a simulation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Simulation {
    /// Number of requests that were evaluated.
    pub evaluated: usize,
    /// Number of requests whose resource is not known, so that they were not.
    pub undetermined: usize,
    /// Requests whose decision would change, newest first.
    pub differences: Vec<Difference>,
}

/// Grants of principals, by their roles.
type GrantsByRoles = HashMap<Vec<String>, (Grants, Grants)>;

/// Evaluates the newest requests in the audit log with the policies of now, and with a draft. Requests that only read are not in the
/// audit log. `own` are the permissions of the caller, who must be able to read the audit log.
///
/// # Errors
/// Returns an error if the caller cannot read the audit log, if the draft is not valid, or if the database fails.
pub async fn simulate(
    app: &App,
    scope: TenantScope,
    own: Permissions,
    draft: &Draft,
) -> Result<Simulation, Error> {
    if !own.allows(Permission::AUDIT_READ) {
        return Err(Error::PermissionRequired { permission: Permission::AUDIT_READ });
    }
    if !REQUESTS.contains(&draft.requests) {
        return Err(invalid(ACTION, "/requests", "must be 1 to 500"));
    }
    if !ROLES.contains(&draft.roles.len()) {
        let message = format!("must have 1 to {MAX_ROLES_OF_PRINCIPAL} items");
        return Err(invalid(ACTION, "/roles", &message));
    }
    let policy = draft.spec.validate();
    let policy =
        policy.map_err(|problems| Error::InvalidRule { action: ACTION, violations: at_policy(problems) })?;
    let events = newest(app, scope, draft.requests).await?;
    let resources = resources(app, scope, &events).await?;
    let (mut simulation, mut grants) = (Simulation::default(), GrantsByRoles::new());
    for event in events {
        let Some(permission) = Permissions::of_tenant().iter().find(|leaf| leaf.name() == event.action)
        else {
            continue;
        };
        let roles = roles_of(&event);
        if !grants.contains_key(&roles) {
            let before = roles::grants(app, scope, &roles).await?;
            let after = with_draft(&before, &roles, draft, &policy);
            grants.insert(roles.clone(), (before, after));
        }
        let Some((before, after)) = grants.get(&roles) else { continue };
        let resource = event.object_id.and_then(|id| resources.get(&id));
        match decide(permission, &request_of(&event), resource, before, after) {
            None => simulation.undetermined += 1,
            Some((before, after)) => {
                simulation.evaluated += 1;
                if before != after {
                    simulation.differences.push(Difference { event, before, after });
                }
            }
        }
    }
    Ok(simulation)
}

/// Returns both decisions; `None` if one of them depends on the resource, which is not known.
fn decide(
    permission: Permission,
    request: &Request,
    resource: Option<&Attributes>,
    before: &Grants,
    after: &Grants,
) -> Option<(bool, bool)> {
    let kind = ResourceKind::for_permission(permission);
    let decision = |grants: &Grants| match resource {
        Some(attributes) if attributes.kind() == kind => {
            Some(grants.allows(permission, request, attributes.resource()))
        }
        _ => match grants.rights(request).certainty(permission) {
            Certainty::Always => Some(true),
            Certainty::Never => Some(false),
            Certainty::Depends => None,
        },
    };
    decision(before).zip(decision(after))
}

fn at_policy(problems: Vec<domain::policy::Problem>) -> Vec<crate::app::Violation> {
    let mut violations = violations(problems);
    for violation in &mut violations {
        violation.pointer = format!("/policy{}", violation.pointer);
    }
    violations
}

async fn newest(app: &App, scope: TenantScope, requests: usize) -> Result<Vec<AuditEvent>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let (mut events, mut after) = (Vec::new(), None);
    while events.len() < requests {
        let limit = i64::try_from(requests - events.len()).unwrap_or(i64::MAX).min(100);
        let query =
            audit::Query { after, limit: Limit::new(limit).unwrap_or_default(), ..audit::Query::default() };
        let page = audit::list(&mut tx, query).await?;
        events.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(events)
}

/// Returns the attributes of the workflows, runs and documents of events, by their IDs.
async fn resources(
    app: &App,
    scope: TenantScope,
    events: &[AuditEvent],
) -> Result<HashMap<Uuid, Attributes>, Error> {
    let ids = |kind: &str| -> Vec<Uuid> {
        let of_kind = events.iter().filter(|event| event.object_kind.as_deref() == Some(kind));
        of_kind.filter_map(|event| event.object_id).collect()
    };
    let mut tx = TenantTx::begin(&app.db, scope.unrestricted()).await?;
    let workflows = rights::attributes_of_workflows(&mut tx, &ids("WORKFLOW")).await?;
    let runs = rights::attributes_of_runs(&mut tx, &ids("WORKFLOW_RUN")).await?;
    let documents = rights::attributes_of_documents(&mut tx, &ids("DOCUMENT")).await?;
    let workflows =
        workflows.into_iter().chain(runs).map(|(id, workflow)| (id, Attributes::Workflow(workflow)));
    let documents = documents.into_iter().map(|(id, document)| (id, Attributes::Document(document)));
    Ok(workflows.chain(documents).collect())
}

fn roles_of(event: &AuditEvent) -> Vec<String> {
    let roles = event.actor_roles.clone().unwrap_or_default();
    let mut roles: Vec<String> = serde_json::from_value(roles).unwrap_or_default();
    roles.sort_unstable();
    roles
}

fn request_of(event: &AuditEvent) -> Request {
    Request {
        principal: event.actor_email.clone(),
        address: event.client_address.as_ref().and_then(|address| address.parse().ok()),
        time: Some(event.created_at.to_jiff()),
        // The audit log does not say how somebody has logged in.
        mfa: None,
    }
}

fn with_draft(before: &Grants, roles: &[String], draft: &Draft, policy: &Policy) -> Grants {
    let replaced = draft.replaces.map(|id| id.to_string());
    let is_replaced = |sourced: &&SourcedPolicy| {
        sourced.source.policy.as_ref().is_some_and(|(id, _)| Some(id) == replaced.as_ref())
    };
    let kept = before.policies().iter().filter(|sourced| !is_replaced(sourced)).cloned();
    let role = draft.roles.iter().find(|role| roles.contains(role));
    let added = role.map(|role| SourcedPolicy {
        source: Source { role: role.clone(), role_name: role.clone(), policy: None },
        policy: policy.clone(),
    });
    Grants::new(kept.chain(added).collect())
}
