//! Proofs that a query may access the rows of one tenant or of all tenants.
//!
//! Only `auth` can create a scope, from a verified token, or for the export of an archived tenant. Every query of `store` takes one, so that a query that
//! forgets the tenant does not compile.

use std::sync::Arc;

use uuid::Uuid;

use super::conditional_rights::{ConditionalRights, RightsKey, RightsReleased};

/// Access to the rows of one tenant, or, if the rights of the principal have conditions, to those that they permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TenantScope {
    tenant: Uuid,
    rights: Option<RightsKey>,
}

impl TenantScope {
    pub(in crate::auth) fn new(tenant: Uuid) -> Self {
        Self { tenant, rights: None }
    }

    /// Creates the scope of the export of a tenant, which nobody requests with a token.
    pub(crate) fn for_export(tenant: Uuid) -> Self {
        Self::new(tenant)
    }

    /// Creates the scope of a worker, which reads the document that some user of the tenant has uploaded.
    pub(crate) fn for_worker(tenant: Uuid) -> Self {
        Self::new(tenant)
    }

    /// Returns the tenant's id, which is in every `tenant_id` column.
    #[must_use]
    pub fn tenant_id(self) -> Uuid {
        self.tenant
    }

    /// Returns the access that rights with conditions leave. It ends with the rights, which the principal holds.
    pub(in crate::auth) fn restricted_by(self, rights: &ConditionalRights) -> Self {
        Self { rights: Some(rights.key()), ..self }
    }

    /// Returns the access to all rows of the tenant, for what a request has to read whatever its principal may see: the object that
    /// it has just created, and the limits that it must observe.
    #[must_use]
    pub(crate) fn unrestricted(self) -> Self {
        Self { rights: None, ..self }
    }

    /// Returns the rights that restrict the access; `None` if they have no conditions.
    ///
    /// # Errors
    /// Returns an error if the request has ended, and its principal with its rights.
    pub fn rights(self) -> Result<Option<Arc<ConditionalRights>>, RightsReleased> {
        self.rights.map(RightsKey::find).transpose()
    }

    /// Creates a scope without a token, for tests of queries.
    #[cfg(test)]
    pub(crate) fn for_tests(tenant: Uuid) -> Self {
        Self::new(tenant)
    }

    /// Creates a scope that is restricted, for tests of queries.
    #[cfg(test)]
    pub(crate) fn restricted_for_tests(tenant: Uuid, rights: &ConditionalRights) -> Self {
        Self::new(tenant).restricted_by(rights)
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
