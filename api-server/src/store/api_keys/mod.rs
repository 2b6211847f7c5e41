//! API keys of a tenant.

mod list;
mod lookup;
mod write;

use uuid::Uuid;

use super::{Error, TenantTx};
use crate::db::Timestamp;

pub use list::{Query, count, list};
pub use write::{NewKey, delete, expire, insert, record_use};

/// API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ApiKey {
    /// ID of the key.
    pub id: Uuid,
    /// User that owns the key.
    pub user_id: Option<Uuid>,
    /// Service account that owns the key.
    pub service_account_id: Option<Uuid>,
    /// Name of the key.
    pub name: String,
    /// First characters of the key, which are shown so that its owner recognises it. They do not suffice to use it.
    pub prefix: String,
    /// Nodes of the permission tree to which the key is restricted.
    pub scopes: Vec<String>,
    /// Time after which the key is refused.
    pub expires_at: Timestamp,
    /// Time of the last use, precise to a minute.
    pub last_used_at: Option<Timestamp>,
    /// Time at which the key was created.
    pub created_at: Timestamp,
}

/// Returns a key of the tenant; `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<ApiKey>, Error> {
    Ok(by_ids(tx, &[id]).await?.pop())
}

/// Returns the API keys of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<ApiKey>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ApiKey,
        "select id, user_id, service_account_id, name, prefix, scopes, expires_at, last_used_at, created_at
         from api_keys where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read API keys"))
}

/// Returns the number of keys of the tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn number(tx: &mut TenantTx) -> Result<i64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(r#"select count(*) as "number!" from api_keys where tenant_id = $1"#, tenant)
        .fetch_one(connection)
        .await
        .map_err(Error::query("count the API keys of the tenant"))
}
