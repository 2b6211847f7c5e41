//! The lookup of API keys.

use std::num::NonZeroU32;

use uuid::Uuid;

use super::LookupError;

/// API key of a tenant, with what its owner may do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// ID of the key.
    pub id: Uuid,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// ID of the tenant.
    pub tenant: Uuid,
    /// Slug of the tenant.
    pub slug: String,
    /// Requests a minute that the tenant's plan allows; `None` if the plan sets no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// ID of the user; `None` if the key belongs to a service account.
    pub user: Option<Uuid>,
    /// Address of the user, or name of the service account.
    pub owner_name: String,
    /// Full name of the user.
    pub display_name: Option<String>,
    /// URL of a picture of the user.
    pub picture_url: Option<String>,
    /// Whether the owner may send requests.
    pub is_active: bool,
    /// Roles of the owner.
    pub roles: Vec<String>,
    /// Nodes of the permission tree to which the key is restricted.
    pub scopes: Vec<String>,
    /// Expiry, in seconds since 1970.
    pub expires_at: i64,
}

/// Lookup of API keys for authentication. `store` implements it, so that `auth` does not depend on the layer above.
pub trait KeyLookup: Send + Sync {
    /// Returns the key with a digest; `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn by_digest(
        &self,
        digest: [u8; 32],
    ) -> impl Future<Output = Result<Option<FoundKey>, LookupError>> + Send;
}
