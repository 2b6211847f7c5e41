//! Transactions that see one tenant's rows, or, for the platform, every tenant.

use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::Error;
use crate::{
    auth::{PlatformScope, TenantScope},
    db::AppPool,
};

/// A transaction in which one tenant's rows exist. Dropped, it is rolled back: reads need no commit.
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    scope: TenantScope,
}

/// A transaction in which every tenant's row in `tenants` exists, and no row of any tenant's own.
pub struct PlatformTx(Transaction<'static, Postgres>);

impl TenantTx {
    /// Opens a transaction for the tenant of `scope`.
    ///
    /// # Errors
    /// No connection is free in time, or the database is away.
    pub async fn begin(pool: &AppPool, scope: TenantScope) -> Result<Self, Error> {
        let mut tx = pool.inner().begin().await.map_err(Error::Begin)?;
        let tenant = scope.tenant_id().to_string();
        sqlx::query!("select set_config('app.tenant_id', $1, true)", tenant)
            .fetch_one(&mut *tx)
            .await
            .map_err(Error::Begin)?;
        Ok(Self { tx, scope })
    }

    /// Keeps what was written.
    ///
    /// # Errors
    /// The database refuses or is away.
    pub async fn commit(self) -> Result<(), Error> {
        self.tx.commit().await.map_err(Error::Commit)
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.scope.tenant_id()
    }

    /// The connection, and the tenant that its queries must name.
    pub(super) fn parts(&mut self) -> (&mut PgConnection, Uuid) {
        (&mut self.tx, self.scope.tenant_id())
    }
}

impl PlatformTx {
    /// Opens a transaction for a platform role.
    ///
    /// # Errors
    /// No connection is free in time, or the database is away.
    pub async fn begin(pool: &AppPool, _proof: PlatformScope) -> Result<Self, Error> {
        let mut tx = pool.inner().begin().await.map_err(Error::Begin)?;
        sqlx::query!("select set_config('app.platform', 'on', true)")
            .fetch_one(&mut *tx)
            .await
            .map_err(Error::Begin)?;
        Ok(Self(tx))
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
