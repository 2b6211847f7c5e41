//! Authentication of users by the bearer token of a request.

use domain::permission::{Permission, Permissions};
use headers::{Authorization, HeaderMapExt as _, authorization::Bearer};
use http::HeaderMap;

use super::{
    claims::Claims,
    principal::{Membership, Principal},
    scope::{PlatformScope, TenantScope},
    tenant_lookup::{LookupError, TenantLookup},
    token::{self, Verifier},
};

/// Error of an authentication.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request has no `Authorization: Bearer` header.
    #[error("failed to find a bearer token")]
    Missing,
    /// The token is not valid.
    #[error("failed to accept the bearer token")]
    Token(#[from] token::Error),
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
}

/// Returns the principal whose bearer token is in the headers.
///
/// # Errors
/// Returns an error if there is no token, if it is not valid, if its tenant is unknown, or if the issuer or the
/// database is unavailable.
pub async fn authenticate(
    verifier: &Verifier,
    tenants: &impl TenantLookup,
    headers: &HeaderMap,
) -> Result<Principal, Error> {
    let token = bearer_token(headers).ok_or(Error::Missing)?;
    let claims = verifier.verify(token.token()).await?;
    let tenant = membership(tenants, &claims).await?;
    Ok(principal(claims, tenant))
}

async fn membership(tenants: &impl TenantLookup, claims: &Claims) -> Result<Option<Membership>, Error> {
    let Some(slug) = &claims.tenant else { return Ok(None) };
    let id = tenants.id_of_slug(slug).await;
    match id.map_err(|source| Error::TenantLookup { slug: slug.clone(), source })? {
        Some(id) => Ok(Some(Membership { scope: TenantScope::new(id), slug: slug.clone() })),
        None => Err(Error::UnknownTenant { slug: slug.clone() }),
    }
}

fn principal(Claims { email, tenant: _, roles }: Claims, tenant: Option<Membership>) -> Principal {
    let permissions = Permissions::of_roles(&roles);
    let platform = permissions.allows(Permission::PLATFORM_TENANT_READ).then(PlatformScope::new);
    Principal { email: email.to_lowercase(), roles, permissions, tenant, platform }
}

/// Returns the bearer token of the `Authorization` header.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<Bearer> {
    headers.typed_get().map(|Authorization(bearer)| bearer)
}
