//! Proofs that a query may access the rows of one tenant or of all tenants.
//!
//! Only `auth` can create a scope, from a verified token, or for the export of an archived tenant. Every query of `store` takes one, so that a query that
//! forgets the tenant does not compile.

use uuid::Uuid;

/// Access to the rows of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TenantScope(Uuid);

impl TenantScope {
    pub(in crate::auth) fn new(tenant: Uuid) -> Self {
        Self(tenant)
    }

    /// Creates the scope of the export of a tenant, which nobody requests with a token.
    pub(crate) fn for_export(tenant: Uuid) -> Self {
        Self(tenant)
    }

    /// Returns the tenant's id, which is in every `tenant_id` column.
    #[must_use]
    pub fn tenant_id(self) -> Uuid {
        self.0
    }

    /// Creates a scope without a token, for tests of queries.
    #[cfg(test)]
    pub(crate) fn for_tests(tenant: Uuid) -> Self {
        Self(tenant)
    }
}

/// Read access to the rows of all tenants, which platform roles have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformScope(());

impl PlatformScope {
    pub(in crate::auth) fn new() -> Self {
        Self(())
    }

    /// Creates a scope without a token, for tests of queries.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self(())
    }
}
