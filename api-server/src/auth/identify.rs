//! Finds the user of a verified token.
//!
//! The user in the database decides about tenant and roles. What is found is cached for [`USER_TTL`], so that a deactivation or a
//! change of roles takes effect within this time on all replicas. An identity that no user has is that of an invited person, of
//! somebody for whom the issuer may create a user, or the claims of the token themselves are sufficient.

use std::{sync::Arc, time::Duration};

use domain::{
    identity::Email,
    permission::{PLATFORM_ROLES, Permission, Permissions},
};
use sha2::{Digest as _, Sha256};

use super::{
    claims::Claims,
    issuer::Issuer,
    login::{Admission, Login},
    principal::{Membership, Principal, PrincipalUser},
    scope::{PlatformScope, TenantScope},
    tenant_lookup::{FoundTenant, LookupError, TenantLookup},
    token::{self, Verifier},
    token_claims::TokenClaims,
    user_lookup::{FoundInvitation, FoundLogin, FoundUser, Identity, UserLookup},
};

/// Time for which the user of an identity is cached: less than half of the 5 s within which a change takes effect.
pub(super) const USER_TTL: Duration = Duration::from_secs(2);

/// Authentication method of a login with several factors (RFC 8176).
const MFA: &str = "mfa";

/// Error of the identification of a person.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant of the token does not exist, or is not mirrored yet.
    #[error("failed to find tenant {slug} of the bearer token")]
    UnknownTenant {
        /// `smb_tenant` claim of the token.
        slug: String,
    },
    /// The issuer may not sign tokens of this tenant.
    #[error("failed to accept the issuer for the tenant of the user")]
    Issuer(#[source] token::Error),
    /// The person is not a user of the tenant.
    #[error("failed to find the user of the bearer token")]
    UnknownUser,
    /// The user is deactivated.
    #[error("failed to accept the user of the bearer token: it is deactivated")]
    Deactivated,
    /// The token names another tenant than that of the user.
    #[error("failed to accept the token: it names tenant {claimed}, and its user belongs to another one")]
    OtherTenant {
        /// `smb_tenant` claim of the token.
        claimed: String,
    },
    /// The person logs in for the first time. After the admission, the authentication succeeds.
    #[error("failed to find the user of the bearer token: the person logs in for the first time")]
    FirstLogin(Box<Login>),
    /// The token of the invitation is unknown, was used or revoked, has expired, or is for another person. Nothing says which.
    #[error(
        "failed to accept the invitation: its token is unknown, used, revoked or expired, or for another address"
    )]
    Invitation,
    /// The lookup failed.
    #[error("failed to look up the user or the tenant of the bearer token")]
    Lookup(#[source] LookupError),
}

/// Returns the principal of verified claims.
///
/// # Errors
/// Returns an error if the person is not admitted, or if the database is unavailable.
pub(super) async fn identify(
    verifier: &Verifier,
    directory: &(impl TenantLookup + UserLookup),
    claims: &Claims,
    invitation: Option<&[u8]>,
) -> Result<Principal, Error> {
    let issuer = verifier.issuer(&claims.iss).ok_or(Error::Issuer(token::Error::UnknownIssuer))?;
    let found = find_login(verifier, directory, issuer, claims).await?;
    if let (Some(token), FoundLogin::Invited(_) | FoundLogin::Unknown) = (invitation, &*found) {
        return Err(accepted(directory, issuer, claims, token).await?);
    }
    match &*found {
        FoundLogin::User(user) => principal_of_user(issuer, claims, user),
        FoundLogin::Invited(users) => match invited(issuer, claims, users) {
            Some(login) => Err(first_login(verifier, login)),
            None => principal_of_claims(verifier, directory, issuer, claims).await,
        },
        FoundLogin::Unknown => principal_of_claims(verifier, directory, issuer, claims).await,
    }
}

/// Returns the error that asks for the admission of a person with the token of an invitation. The address of the person must be the
/// invited one: an invitation that gets into other hands is of little use.
async fn accepted(
    directory: &impl UserLookup,
    issuer: &Issuer,
    claims: &Claims,
    token: &[u8],
) -> Result<Error, Error> {
    let found = directory.by_invitation(Sha256::digest(token).into()).await.map_err(Error::Lookup)?;
    let is_meant = |found: &FoundInvitation| {
        issuer.speaks_for(&found.slug)
            && claims.tenant.as_ref().is_none_or(|claimed| *claimed == found.slug)
            && Email::parse(&claims.email).is_ok_and(|email| email.key() == found.email_key)
    };
    let FoundInvitation { id, tenant, user, .. } = found.filter(is_meant).ok_or(Error::Invitation)?;
    let admission = Admission::Invitation { invitation: id, user };
    let login = login(claims, TenantScope::new(tenant), admission).ok_or(Error::Invitation)?;
    Ok(Error::FirstLogin(Box::new(login)))
}

/// Returns the error that asks for an admission, unless it was refused a moment ago.
fn first_login(verifier: &Verifier, login: Login) -> Error {
    match verifier.refused_logins.contains_key(&(login.issuer.clone(), login.subject.clone())) {
        true => Error::UnknownUser,
        false => Error::FirstLogin(Box::new(login)),
    }
}

async fn find_login(
    verifier: &Verifier,
    directory: &impl UserLookup,
    issuer: &Issuer,
    claims: &Claims,
) -> Result<Arc<FoundLogin>, Error> {
    // Without a subject, nothing of the token identifies the same person for good.
    let Some(identity) = identity(issuer, claims) else { return Ok(Arc::new(FoundLogin::Unknown)) };
    if let Some(found) = verifier.users.get(&identity) {
        return Ok(found);
    }
    let found = Arc::new(directory.by_identity(&identity).await.map_err(Error::Lookup)?);
    verifier.users.insert(identity, found.clone());
    Ok(found)
}

/// Returns the identity of claims; `None` if they have no subject.
fn identity(issuer: &Issuer, claims: &Claims) -> Option<Identity> {
    let subject = claims.sub.clone()?;
    let email_key = verified_email(issuer, claims).map(|email| email.key().to_owned());
    Some(Identity { issuer: issuer.issuer.clone(), subject, email_key })
}

/// Returns the address of claims if the issuer is trusted to have verified it.
fn verified_email(issuer: &Issuer, claims: &Claims) -> Option<Email> {
    let is_verified = issuer.trusted_for_email && claims.email_verified;
    Email::parse(&claims.email).ok().filter(|_| is_verified)
}

fn principal_of_user(issuer: &Issuer, claims: &Claims, user: &FoundUser) -> Result<Principal, Error> {
    let FoundUser {
        id,
        tenant,
        slug,
        requests_per_minute,
        is_active,
        email,
        display_name,
        picture_url,
        roles,
    } = user;
    if let Some(claimed) = claims.tenant.as_ref().filter(|claimed| *claimed != slug) {
        return Err(Error::OtherTenant { claimed: claimed.clone() });
    }
    if !issuer.speaks_for(slug) {
        return Err(Error::Issuer(token::Error::Tenant));
    }
    if !is_active {
        return Err(Error::Deactivated);
    }
    // Roles of the platform are not roles of a tenant: the issuer grants them.
    let of_platform = claims.roles.iter().filter(|role| PLATFORM_ROLES.contains(&role.as_str()));
    let roles = roles.iter().chain(of_platform).cloned().collect();
    let scope = TenantScope::new(*tenant);
    let tenant =
        Membership { scope, slug: slug.clone(), requests_per_minute: *requests_per_minute, rights: None };
    let user =
        PrincipalUser { id: *id, display_name: display_name.clone(), picture_url: picture_url.clone() };
    Ok(principal(claims, email.clone(), roles, Some(tenant), Some(Arc::new(user))))
}

/// Returns the first login of an invited person; `None` if it is not certain to which of several tenants the person wants to belong.
fn invited(issuer: &Issuer, claims: &Claims, users: &[FoundUser]) -> Option<Login> {
    let is_possible = |user: &&FoundUser| {
        issuer.speaks_for(&user.slug) && claims.tenant.as_ref().is_none_or(|claimed| *claimed == user.slug)
    };
    let mut possible = users.iter().filter(is_possible);
    let (Some(user), None) = (possible.next(), possible.next()) else { return None };
    login(claims, TenantScope::new(user.tenant), Admission::Invited { user: user.id })
}

fn login(claims: &Claims, scope: TenantScope, admission: Admission) -> Option<Login> {
    let Claims {
        email,
        email_verified: _,
        name,
        iss,
        sub,
        tenant: _,
        roles: _,
        amr: _,
        exp: _,
        iat: _,
        nbf: _,
    } = claims;
    let (issuer, subject, email, name) = (iss.clone(), sub.clone()?, email.clone(), name.clone());
    Some(Login { scope, issuer, subject, email, name, admission })
}

/// Returns the principal of a person who is not a user, if the claims are sufficient.
async fn principal_of_claims(
    verifier: &Verifier,
    directory: &(impl TenantLookup + UserLookup),
    issuer: &Issuer,
    claims: &Claims,
) -> Result<Principal, Error> {
    if let Some(slug) = issuer.tenant_of_new_users(claims)
        && let Some(role) = role_of_new_user(issuer, claims)
    {
        let scope = find_tenant(verifier, directory, slug).await?.scope;
        if let Some(login) = login(claims, scope, Admission::JustInTime { role }) {
            return Err(first_login(verifier, login));
        }
    }
    let tenant = match &claims.tenant {
        Some(slug) => Some(find_tenant(verifier, directory, slug).await?),
        // Administrators of the platform need no tenant, and nobody is asked for one as long as claims are sufficient.
        None if issuer.tenants.is_some() || !is_sufficient_without_tenant(verifier, claims) => {
            return Err(Error::UnknownUser);
        }
        None => None,
    };
    if let Some(tenant) = &tenant {
        check_claims(verifier, directory, tenant).await?;
    }
    Ok(principal(claims, claims.email.to_lowercase(), claims.roles.clone(), tenant, None))
}

/// Returns whether the claims of a person without a tenant are sufficient.
fn is_sufficient_without_tenant(verifier: &Verifier, claims: &Claims) -> bool {
    let is_of_platform = |role: &String| PLATFORM_ROLES.contains(&role.as_str());
    verifier.token_claims == TokenClaims::Always || claims.roles.iter().any(is_of_platform)
}

/// Returns the role of the user that the issuer may create for a person; `None` if it may not.
fn role_of_new_user(issuer: &Issuer, claims: &Claims) -> Option<String> {
    let (users, email) = (issuer.just_in_time.as_ref()?, verified_email(issuer, claims)?);
    users.domains.iter().any(|domain| domain == email.domain()).then(|| users.default_role.clone())
}

async fn find_tenant(
    verifier: &Verifier,
    directory: &impl TenantLookup,
    slug: &str,
) -> Result<Membership, Error> {
    let found = match verifier.tenants.get(slug) {
        Some(tenant) => tenant,
        None => {
            let tenant = directory.by_slug(slug).await.map_err(Error::Lookup)?;
            let tenant = tenant.ok_or_else(|| Error::UnknownTenant { slug: slug.to_owned() })?;
            verifier.tenants.insert(slug.to_owned(), tenant);
            tenant
        }
    };
    let FoundTenant { id, requests_per_minute } = found;
    Ok(Membership { scope: TenantScope::new(id), slug: slug.to_owned(), requests_per_minute, rights: None })
}

/// Checks that claims alone give access to a tenant.
async fn check_claims(
    verifier: &Verifier,
    directory: &impl UserLookup,
    tenant: &Membership,
) -> Result<(), Error> {
    match verifier.token_claims {
        TokenClaims::Always => return Ok(()),
        TokenClaims::Never => return Err(Error::UnknownUser),
        TokenClaims::Bootstrap => {}
    }
    let id = tenant.scope.tenant_id();
    let has_user = match verifier.tenants_with_users.get(&id) {
        Some(has_user) => has_user,
        None => {
            let has_user = directory.has_active_user(tenant.scope).await.map_err(Error::Lookup)?;
            verifier.tenants_with_users.insert(id, has_user);
            if !has_user {
                tracing::warn!(
                    tenant.name = tenant.slug,
                    "the tenant has no active user: the claims smb_tenant and smb_roles of tokens give access to it"
                );
            }
            has_user
        }
    };
    if has_user { Err(Error::UnknownUser) } else { Ok(()) }
}

/// Returns a principal with the permissions of its built-in roles; those of the tenant's own roles are added by
/// [`super::apply_roles`].
fn principal(
    claims: &Claims,
    email: String,
    roles: Vec<String>,
    tenant: Option<Membership>,
    user: Option<Arc<PrincipalUser>>,
) -> Principal {
    let permissions = Permissions::of_roles(&roles);
    let platform = permissions.allows(Permission::PLATFORM_TENANT_READ).then(PlatformScope::new);
    let (issuer, subject) = (claims.iss.clone(), claims.sub.clone());
    Principal {
        email,
        issuer,
        subject,
        roles,
        permissions,
        tenant,
        platform,
        mfa: claims.amr.as_ref().map(|methods| methods.iter().any(|method| method == MFA)),
        user,
        api_key: None,
        scopes: None,
        session: None,
        origin: Arc::default(),
    }
}
