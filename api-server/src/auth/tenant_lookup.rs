//! The lookup of tenants that tokens refer to.

use uuid::Uuid;

use super::scope::PlatformScope;

/// Error of a lookup.
pub type LookupError = Box<dyn std::error::Error + Send + Sync>;

/// Lookup of tenants for authentication. `store` implements it, so that `auth` does not depend on the layer above.
pub trait TenantLookup: Send + Sync {
    /// Returns the id of the tenant with a slug; `None` if there is none, or if it is not mirrored yet.
    ///
    /// # Errors
    /// Returns an error if the lookup fails.
    fn id_of_slug(&self, slug: &str) -> impl Future<Output = Result<Option<Uuid>, LookupError>> + Send;

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
