//! The lookup of users by what a verified token says.

use std::num::NonZeroU32;

use uuid::Uuid;

use super::{LookupError, scope::TenantScope};

/// What a verified token says about a person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Issuer of the token.
    pub issuer: String,
    /// Identifier of the person that the issuer has chosen.
    pub subject: String,
    /// Form in which the address is compared; `None` unless the issuer is trusted to have verified it.
    pub email_key: Option<String>,
}

/// User that a token identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundUser {
    /// ID of the user.
    pub id: Uuid,
    /// ID of the user's tenant.
    pub tenant: Uuid,
    /// Slug of the user's tenant.
    pub slug: String,
    /// Requests a minute that the tenant's plan allows; `None` if the plan sets no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Address, as it was written.
    pub email: String,
    /// Full name.
    pub display_name: Option<String>,
    /// URL of a picture.
    pub picture_url: Option<String>,
    /// Roles: names of built-in roles and IDs of the tenant's own.
    pub roles: Vec<String>,
}

/// Result of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundLogin {
    /// The identity belongs to a user.
    User(FoundUser),
    /// The identity is new, and these users with the address were invited.
    Invited(Vec<FoundUser>),
    /// The identity is new, and nobody with its address was invited.
    Unknown,
}

/// Invitation that can be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundInvitation {
    /// ID of the invitation.
    pub id: Uuid,
    /// ID of the tenant.
    pub tenant: Uuid,
    /// Slug of the tenant.
    pub slug: String,
    /// ID of the invited user.
    pub user: Uuid,
    /// Form in which the invited address is compared.
    pub email_key: String,
}

/// Lookup of users for authentication. `store` implements it, so that `auth` does not depend on the layer above.
pub trait UserLookup: Send + Sync {
    /// Returns the user of an identity, or else the invited users with its address.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn by_identity(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = Result<FoundLogin, LookupError>> + Send;

    /// Returns the invitation whose token has a SHA-256, if it can be accepted.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn by_invitation(
        &self,
        digest: [u8; 32],
    ) -> impl Future<Output = Result<Option<FoundInvitation>, LookupError>> + Send;

    /// Returns whether a tenant has an active user.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn has_active_user(&self, tenant: TenantScope) -> impl Future<Output = Result<bool, LookupError>> + Send;
}
