//! Changes of API keys.

use uuid::Uuid;

use crate::{
    db::Timestamp,
    store::{Error, TenantTx},
};

/// API key to create.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// ID of the key.
    pub id: Uuid,
    /// User that owns the key.
    pub user: Option<Uuid>,
    /// Service account that owns the key.
    pub service_account: Option<Uuid>,
    /// Name of the key.
    pub name: &'a str,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// First characters of the key, which are shown so that its owner recognises it. They do not suffice to use it.
    pub prefix: &'a str,
    /// Nodes of the permission tree.
    pub scopes: &'a [String],
    /// Time after which the key is refused.
    pub expires_at: Timestamp,
}

/// Creates a key.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn insert(tx: &mut TenantTx, key: &NewKey<'_>) -> Result<(), Error> {
    let NewKey { id, user, service_account, name, digest, prefix, scopes, expires_at } = *key;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into api_keys (id, tenant_id, user_id, service_account_id, name, digest, prefix, scopes, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        tenant,
        user,
        service_account,
        name,
        digest.as_slice(),
        prefix,
        scopes,
        expires_at as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("create an API key"))
}

/// Lets a key expire at a time, unless it expires before. Returns false if there is no such key.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn expire(tx: &mut TenantTx, id: Uuid, at: Timestamp) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update api_keys set expires_at = least(expires_at, $3) where tenant_id = $1 and id = $2",
        tenant,
        id,
        at as _
    )
    .execute(connection)
    .await
    .map(|result| result.rows_affected() > 0)
    .map_err(Error::query("let an API key expire"))
}

/// Records that a key is used, at most once a minute.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn record_use(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update api_keys set last_used_at = now() where tenant_id = $1 and id = $2
           and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("record the use of an API key"))
}

/// Deletes a key. Returns false if there is no such key.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn delete(tx: &mut TenantTx, id: Uuid) -> Result<bool, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from api_keys where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(|result| result.rows_affected() > 0)
        .map_err(Error::query("delete an API key"))
}
