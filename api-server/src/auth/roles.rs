//! The rights that the roles of a principal give: built-in roles, and those that the tenant has created.

use domain::{
    permission::Permissions,
    policy::{Effect, Grants, MAX_ROLES_OF_PRINCIPAL, Policy, Request, Source, SourcedPolicy},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    conditional_rights::ConditionalRights, principal::Principal, scope::TenantScope,
    tenant_lookup::LookupError, token::Verifier,
};

/// Lookup of the roles that a tenant has created. `store` implements it, so that `auth` does not depend on the layer above.
pub trait RoleLookup: Send + Sync {
    /// Returns the policies of the roles with these IDs. Roles that do not exist have none.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn policies_of_roles(
        &self,
        scope: TenantScope,
        roles: &[Uuid],
    ) -> impl Future<Output = Result<Vec<SourcedPolicy>, LookupError>> + Send;
}

/// Returns the policies of roles, each the name of a built-in role or the ID of a role of the tenant. Roles that are not known grant
/// nothing, and so do too many roles together. They are cached for two seconds.
///
/// # Errors
/// Returns an error if the roles cannot be looked up.
pub async fn grants_of_roles(
    verifier: &Verifier,
    lookup: &impl RoleLookup,
    scope: TenantScope,
    roles: &[String],
) -> Result<Grants, LookupError> {
    let mut names = roles.to_vec();
    names.sort_unstable();
    names.dedup();
    let own: Vec<Uuid> = names.iter().filter_map(|role| role.parse().ok()).collect();
    if own.is_empty() {
        return Ok(Grants::built_in(&names));
    }
    if own.len() > MAX_ROLES_OF_PRINCIPAL {
        return Ok(Grants::default());
    }
    let key = (scope.tenant_id(), names);
    if let Some(grants) = verifier.grants.get(&key) {
        return Ok(grants);
    }
    let policies = lookup.policies_of_roles(scope.unrestricted(), &own).await?;
    let built_in = Grants::built_in(&key.1);
    let grants = Grants::new(built_in.policies().iter().cloned().chain(policies).collect());
    verifier.grants.insert(key, grants.clone());
    Ok(grants)
}

/// Gives a principal the rights of those of its roles that its tenant has created. A principal without such roles keeps the rights
/// that it has.
///
/// # Errors
/// Returns an error if the roles cannot be looked up.
pub async fn apply_roles(
    verifier: &Verifier,
    lookup: &impl RoleLookup,
    principal: &mut Principal,
    now: Timestamp,
) -> Result<(), LookupError> {
    let Some(membership) = &principal.tenant else { return Ok(()) };
    if !principal.roles.iter().any(|role| Uuid::try_parse(role).is_ok()) {
        return Ok(());
    }
    let grants = grants_of_roles(verifier, lookup, membership.scope, &principal.roles).await?;
    let grants = match principal.scopes {
        Some(scopes) => within_scopes(&grants, scopes),
        None => grants,
    };
    principal.set_grants(grants, now);
    Ok(())
}

/// Returns grants that deny all that is not within the scopes of an API key.
fn within_scopes(grants: &Grants, scopes: Permissions) -> Grants {
    let source =
        Source { role: "api-key".to_owned(), role_name: "Scopes of the API key".to_owned(), policy: None };
    let policy = Policy {
        effect: Effect::Deny,
        permissions: Permissions::of_tenant().without(scopes),
        resources: Vec::new(),
        conditions: Vec::new(),
    };
    let beyond = SourcedPolicy { source, policy };
    Grants::new(grants.policies().iter().cloned().chain([beyond]).collect())
}

impl Principal {
    /// Replaces the permissions in the tenant by those of policies. Permissions on the platform remain.
    fn set_grants(&mut self, grants: Grants, now: Timestamp) {
        let Some(membership) = &mut self.tenant else { return };
        let of_platform = self.permissions.without(Permissions::of_tenant());
        if !grants.has_conditions() {
            self.permissions = of_platform.union(grants.unconditional());
            return;
        }
        let request = Request {
            principal: Some(self.email.clone()),
            address: self.origin.client_address,
            time: Some(now),
            mfa: self.mfa,
        };
        let rights = ConditionalRights::new(grants, request);
        self.permissions = of_platform.union(rights.now().possible);
        membership.scope = membership.scope.restricted_by(&rights);
        membership.rights = Some(rights);
    }
}
