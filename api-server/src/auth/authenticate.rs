//! From a request's headers to who asks.

use domain::permission::{Permission, Permissions};
use http::{HeaderMap, header};

use super::{
    claims::Claims,
    principal::{Membership, Principal},
    scope::{PlatformScope, TenantScope},
    token::{self, Verifier},
};
use crate::{db::AppPool, store};

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No `Authorization: Bearer`.
    #[error("failed to find a bearer token")]
    Missing,
    /// The token does not hold.
    #[error("failed to accept the bearer token")]
    Token(#[from] token::Error),
    /// The token's tenant does not exist, or is not mirrored yet.
    #[error("failed to find tenant {slug} of the bearer token")]
    UnknownTenant {
        /// The token's `smb_tenant`.
        slug: String,
    },
    /// The tenant cannot be looked up.
    #[error("failed to look up the tenant of the bearer token")]
    Database(#[from] store::Error),
}

/// Who sends these headers.
///
/// # Errors
/// There is no token, it does not hold, its tenant is not known, or issuer or database cannot be reached.
pub async fn authenticate(
    verifier: &Verifier,
    db: &AppPool,
    headers: &HeaderMap,
) -> Result<Principal, Error> {
    let claims = verifier.verify(bearer(headers)?).await?;
    let tenant = membership(db, &claims).await?;
    Ok(principal(claims, tenant))
}

async fn membership(db: &AppPool, claims: &Claims) -> Result<Option<Membership>, Error> {
    let Some(slug) = &claims.tenant else { return Ok(None) };
    match store::tenants::by_slug(db, slug).await? {
        Some(tenant) => Ok(Some(Membership { scope: TenantScope::new(tenant.id), slug: tenant.slug })),
        None => Err(Error::UnknownTenant { slug: slug.clone() }),
    }
}

fn principal(Claims { email, tenant: _, roles }: Claims, tenant: Option<Membership>) -> Principal {
    let permissions = Permissions::of_roles(&roles);
    let platform = permissions.allows(Permission::PLATFORM_TENANT_READ).then(PlatformScope::new);
    Principal { email: email.to_lowercase(), roles, permissions, tenant, platform }
}

pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Error::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Error::Missing) }
}
