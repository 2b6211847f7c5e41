//! Explanations of decisions.

use domain::policy::{
    Certainty, Effect, Explanation, MAX_ROLES_OF_PRINCIPAL, Reason, Request, Resource, SourcedPolicy, Truth,
};

use super::resource::{Attributes, ResourceReference, attributes, invalid, permission, require_kind};
use crate::{
    app::{App, Error, roles},
    auth::{Principal, TenantScope},
    store::TenantTx,
};

const ACTION: &str = "explain a decision";
/// Maximum number of roles of a principal: built-in ones and those of the tenant.
const MAX_ROLES: usize = 2 * MAX_ROLES_OF_PRINCIPAL;

/// Principal of a question, with the circumstances of its request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    /// Roles: names of built-in roles and IDs of the tenant's own.
    pub roles: Vec<String>,
    /// Circumstances.
    pub request: Request,
}

impl Subject {
    /// Returns the caller of a request with its circumstances.
    #[must_use]
    pub fn caller(principal: &Principal) -> Self {
        let request = Request {
            principal: Some(principal.email.clone()),
            address: principal.origin.client_address,
            time: Some(telemetry::clock::now()),
            mfa: principal.mfa,
        };
        Self { roles: principal.roles.clone(), request }
    }
}

/// Policy that decided, or built-in role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Name of a built-in role, or ID of a role of the tenant.
    pub role: String,
    /// Name of the role.
    pub role_name: String,
    /// ID and name of the policy; `None` for a built-in role.
    pub policy: Option<(String, String)>,
    /// Effect.
    pub effect: Effect,
}

/// Allowance that does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmetRule {
    /// Role and policy of the allowance.
    pub rule: Rule,
    /// Whether one of its conditions is false, or cannot be decided.
    pub truth: Truth,
}

/// Explanation of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Whether the permission is granted.
    pub allowed: bool,
    /// Whether it depends on the resource, which the question does not name.
    pub depends: bool,
    /// Reason.
    pub reason: Reason,
    /// What decided.
    pub decided_by: Vec<Rule>,
    /// Allowances that do not apply.
    pub unmet: Vec<UnmetRule>,
}

/// Explains whether a principal has a permission.
///
/// # Errors
/// Returns an error if the question has an error, if the tenant has no such resource, or if the database fails.
pub async fn explain(
    app: &App,
    scope: TenantScope,
    action: &str,
    resource: Option<ResourceReference>,
    Subject { roles, request }: &Subject,
) -> Result<Explained, Error> {
    if roles.len() > MAX_ROLES {
        let message = format!("must have at most {MAX_ROLES} items");
        return Err(invalid(ACTION, "/principal/roles", &message));
    }
    let permission = permission(ACTION, "/action", action)?;
    let attributes = match resource {
        Some(resource) => {
            require_kind(ACTION, "/resource", permission, resource)?;
            let mut tx = TenantTx::begin(&app.db, scope).await?;
            Some(attributes(&mut tx, resource).await?)
        }
        None => None,
    };
    let grants = roles::grants(app, scope, roles).await?;
    let resource = attributes.as_ref().map_or(Resource::None, Attributes::resource);
    let explained = Explained::new(grants.explain(permission, request, resource));
    Ok(match (&attributes, grants.rights(request).certainty(permission)) {
        (None, Certainty::Depends) => Explained { allowed: false, depends: true, ..explained },
        (None, certainty) => Explained { allowed: certainty == Certainty::Always, ..explained },
        (Some(_), _) => explained,
    })
}

impl Explained {
    fn new(Explanation { allowed, reason, decided_by, not_applicable }: Explanation<'_>) -> Self {
        let unmet = |(sourced, truth): (&SourcedPolicy, Truth)| UnmetRule { rule: Rule::new(sourced), truth };
        Self {
            allowed,
            depends: false,
            reason,
            decided_by: decided_by.into_iter().map(Rule::new).collect(),
            unmet: not_applicable.into_iter().map(unmet).collect(),
        }
    }
}

impl Rule {
    fn new(SourcedPolicy { source, policy }: &SourcedPolicy) -> Self {
        let domain::policy::Source { role, role_name, policy: named } = source.clone();
        Self { role, role_name, policy: named, effect: policy.effect }
    }
}
