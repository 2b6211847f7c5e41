//! The authenticated caller.

use std::{num::NonZeroU32, sync::Arc};

use domain::permission::{Permission, Permissions};
use uuid::Uuid;

use super::{
    conditional_rights::ConditionalRights,
    origin::Origin,
    scope::{PlatformScope, TenantScope},
    session::Session,
};

/// Authenticated caller: the user or the service account that a verified token or an API key identifies.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Email address. That of the claims is in lower case, that of a user as it was written; that of a service account is made of its
    /// name.
    pub email: String,
    /// Issuer of the token.
    pub issuer: String,
    /// Identifier of the user that the issuer has chosen, if the token has one.
    pub subject: Option<String>,
    /// Roles of the user, or those of the claims: names of built-in roles and IDs of the tenant's own.
    pub roles: Vec<String>,
    /// Permissions that the roles grant.
    pub permissions: Permissions,
    /// Tenant of the user; platform administrators may have none.
    pub tenant: Option<Membership>,
    /// Access to the rows of all tenants, for platform administrators.
    pub platform: Option<PlatformScope>,
    /// Whether the principal has logged in with several factors; `None` if the token does not say it.
    pub mfa: Option<bool>,
    /// User in the database; `None` if the claims of the token alone identify the caller.
    pub user: Option<Arc<PrincipalUser>>,
    /// API key of the request; `None` if it has another token.
    pub api_key: Option<Uuid>,
    /// Permissions within the scopes of the API key, which limit those of the roles; `None` without a key.
    pub scopes: Option<Permissions>,
    /// Session of a browser; `None` if the request has another token.
    pub session: Option<Arc<Session>>,
    /// Origin of the request.
    pub origin: Arc<Origin>,
}

/// User of a tenant who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalUser {
    /// ID of the user.
    pub id: Uuid,
    /// Full name.
    pub display_name: Option<String>,
    /// URL of a picture.
    pub picture_url: Option<String>,
}

impl Principal {
    /// Returns the names of the permissions, in alphabetical order.
    #[must_use]
    pub fn permission_names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.permissions.iter().map(Permission::name).collect();
        names.sort_unstable();
        names
    }
}

/// Tenant to which a principal belongs.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Access to the tenant's rows.
    pub scope: TenantScope,
    /// Name of the tenant in Kubernetes and in tokens.
    pub slug: String,
    /// Requests a minute that the plan of the tenant allows; `None` if it sets no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Rights that depend on the request and its resources, to which the scope refers; `None` if the rights have no conditions.
    pub rights: Option<Arc<ConditionalRights>>,
}

impl Membership {
    /// Returns those of a principal's permissions that it has for all resources, and which it can therefore grant.
    #[must_use]
    pub fn grantable(&self, permissions: Permissions) -> Permissions {
        match &self.rights {
            Some(rights) => permissions.intersection(rights.now().always),
            None => permissions,
        }
    }
}
