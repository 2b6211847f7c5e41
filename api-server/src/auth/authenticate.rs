//! Authentication of users by the bearer token of a request.

use std::sync::Arc;

use domain::permission::{Permission, Permissions};
use headers::{Authorization, HeaderMapExt as _, authorization::Bearer};
use http::HeaderMap;

use super::{
    claims::Claims,
    principal::{Membership, Principal},
    scope::{PlatformScope, TenantScope},
    tenant_lookup::{FoundTenant, LookupError, TenantLookup},
    token::{self, Verifier},
};
use crate::limits::RateExceeded;

/// Authentication method of a login with several factors (RFC 8176).
const MFA: &str = "mfa";

/// Error of an authentication.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request has no `Authorization: Bearer` header.
    #[error("failed to find a bearer token")]
    Missing,
    /// The token is not valid.
    #[error("failed to accept the bearer token")]
    Token(#[from] token::Error),
    /// The address of the client has sent too many requests without a token that is known.
    #[error("failed to verify the bearer token")]
    RateExceeded(#[from] RateExceeded),
    /// The tenant of the token does not exist, or is not mirrored yet.
    #[error("failed to find tenant {slug} of the bearer token")]
    UnknownTenant {
        /// `smb_tenant` claim of the token.
        slug: String,
    },
    /// The tenant lookup failed.
    #[error("failed to look up tenant {slug} of the bearer token")]
    TenantLookup {
        /// `smb_tenant` claim of the token.
        slug: String,
        /// Cause of the failure.
        source: LookupError,
    },
    /// The lookup of the roles failed.
    #[error("failed to look up the roles of the principal")]
    RoleLookup(#[source] LookupError),
}

/// Returns the principal whose bearer token is in the headers. `admit` decides whether a token that was not verified
/// recently may be verified, which costs time.
///
/// # Errors
/// Returns an error if there is no token, if it is not valid or not admitted, if its tenant is unknown, or if the issuer
/// or the database is unavailable.
pub async fn authenticate(
    verifier: &Verifier,
    tenants: &impl TenantLookup,
    headers: &HeaderMap,
    admit: impl FnOnce() -> Result<(), RateExceeded>,
) -> Result<Principal, Error> {
    let token = bearer_token(headers);
    let known = token.as_ref().and_then(|token| verifier.recently_verified(token.token()));
    let claims = match known {
        Some(claims) => claims,
        None => {
            // Users of a flooded address, such as that of a proxy, keep their access.
            if !token.as_ref().is_some_and(|token| verifier.was_verified(token.token())) {
                admit()?;
            }
            verifier.verify(token.ok_or(Error::Missing)?.token()).await?
        }
    };
    let tenant = membership(verifier, tenants, &claims).await?;
    Ok(principal(&claims, tenant))
}

async fn membership(
    verifier: &Verifier,
    tenants: &impl TenantLookup,
    claims: &Claims,
) -> Result<Option<Membership>, Error> {
    let Some(slug) = &claims.tenant else { return Ok(None) };
    let found = match verifier.tenants.get(slug) {
        Some(tenant) => tenant,
        None => {
            let tenant = tenants.by_slug(slug).await;
            let tenant = tenant.map_err(|source| Error::TenantLookup { slug: slug.clone(), source })?;
            let tenant = tenant.ok_or_else(|| Error::UnknownTenant { slug: slug.clone() })?;
            verifier.tenants.insert(slug.clone(), tenant);
            tenant
        }
    };
    let FoundTenant { id, requests_per_minute } = found;
    let scope = TenantScope::new(id);
    Ok(Some(Membership { scope, slug: slug.clone(), requests_per_minute, rights: None }))
}

fn principal(claims: &Claims, tenant: Option<Membership>) -> Principal {
    let Claims { email, iss, sub, tenant: _, roles, amr, exp: _, iat: _, nbf: _ } = claims;
    let permissions = Permissions::of_roles(roles);
    let platform = permissions.allows(Permission::PLATFORM_TENANT_READ).then(PlatformScope::new);
    Principal {
        email: email.to_lowercase(),
        issuer: iss.clone(),
        subject: sub.clone(),
        roles: roles.clone(),
        permissions,
        tenant,
        platform,
        mfa: amr.as_ref().map(|methods| methods.iter().any(|method| method == MFA)),
        origin: Arc::default(),
    }
}

/// Returns the bearer token of the `Authorization` header.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<Bearer> {
    headers.typed_get().map(|Authorization(bearer)| bearer)
}
