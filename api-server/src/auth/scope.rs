//! The proof that a query may read a tenant's rows, or every tenant's.
//!
//! A scope can be made in `auth` alone, out of a verified token. Every query of `store` takes one, so a query
//! that forgets the tenant does not compile.

use uuid::Uuid;

/// The right to read and write the rows of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TenantScope(Uuid);

impl TenantScope {
    pub(in crate::auth) fn new(tenant: Uuid) -> Self {
        Self(tenant)
    }

    /// The tenant's id, as it stands in every `tenant_id` column.
    #[must_use]
    pub fn tenant_id(self) -> Uuid {
        self.0
    }

    /// A scope without a token, for tests of queries.
    #[cfg(test)]
    pub(crate) fn for_tests(tenant: Uuid) -> Self {
        Self(tenant)
    }
}

/// The right to read the rows of every tenant: platform roles only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformScope(());

impl PlatformScope {
    pub(in crate::auth) fn new() -> Self {
        Self(())
    }

    /// A scope without a token, for tests of queries.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self(())
    }
}
