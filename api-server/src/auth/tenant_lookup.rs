//! The lookup of tenants that tokens refer to.

use std::num::NonZeroU32;

use uuid::Uuid;

use super::scope::PlatformScope;

/// Error of a lookup.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// Tenant that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundTenant {
    /// ID of the tenant.
    pub id: Uuid,
    /// Requests a minute that its plan allows; `None` if the plan sets no limit.
    pub requests_per_minute: Option<NonZeroU32>,
}

/// Lookup of tenants for authentication. `store` implements it, so that `auth` does not depend on the layer above.
pub trait TenantLookup: Send + Sync {
    /// Returns the tenant with a slug; `None` if there is none, or if it is not mirrored yet.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn by_slug(&self, slug: &str) -> impl Future<Output = Result<Option<FoundTenant>, LookupError>> + Send;

    /// Returns the id of the tenant that owns a namespace; `None` if there is none, or if it is not mirrored yet.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn id_of_namespace(
        &self,
        scope: PlatformScope,
        namespace: &str,
    ) -> impl Future<Output = Result<Option<Uuid>, LookupError>> + Send;
}
