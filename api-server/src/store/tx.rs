//! Transactions that can access the rows of one tenant, or, for platform roles, the list of all tenants.

use std::sync::Arc;

use domain::permission::Permission;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::Error;
use crate::{
    auth::{ConditionalRights, PlatformScope, TenantScope},
    db::{Access, AppPool, BeginError, TenantSession},
};

/// Transaction with access to the rows of one tenant. It is rolled back when dropped, so reads need no commit.
pub struct TenantTx {
    session: TenantSession,
    scope: TenantScope,
    /// Rights of the principal, if they have conditions. Queries of workflows and runs return only the rows that it can read.
    rights: Option<Arc<ConditionalRights>>,
}

/// Transaction with access to all rows of the table `tenants`, and to no tenant's own rows.
pub struct PlatformTx(Transaction<'static, Postgres>);

impl TenantTx {
    /// Begins a transaction for the tenant of `scope`, which uses a connection of the tenant's share until it is dropped. A
    /// request must not begin another one meanwhile: it could wait for itself.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, if the database cannot be reached, or if the request has ended whose
    /// rights restrict the scope.
    pub async fn begin(pool: &AppPool, scope: TenantScope) -> Result<Self, Error> {
        let rights = scope.rights()?;
        let session = pool.begin(scope.tenant_id()).await.map_err(|error| match error {
            BeginError::Exhausted(exhausted) => Error::Exhausted(exhausted),
            BeginError::Database(source) => Error::Begin(source),
        })?;
        Ok(Self { session, scope, rights })
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the commit.
    pub async fn commit(self) -> Result<(), Error> {
        self.session.commit().await.map_err(Error::Commit)
    }

    /// Returns the ID of the tenant.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.scope.tenant_id()
    }

    /// Returns the rights of the principal if a permission depends on the row; `None` if the principal has it for all rows, or if it is
    /// checked for the operation as a whole.
    #[must_use]
    pub fn restriction(&self, permission: Permission) -> Option<Arc<ConditionalRights>> {
        self.rights.as_ref().filter(|rights| rights.restricts(permission)).cloned()
    }

    /// Returns the connection, and the ID of the tenant that every query must name.
    pub(super) fn connection_and_tenant(&mut self) -> (&mut PgConnection, Uuid) {
        (&mut self.session.tx, self.scope.tenant_id())
    }
}

impl PlatformTx {
    /// Begins a transaction for a platform role.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, or if the database cannot be reached.
    pub async fn begin(pool: &AppPool, _proof: PlatformScope) -> Result<Self, Error> {
        Ok(Self(pool.begin_with(Access::Platform).await.map_err(Error::Begin)?))
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
