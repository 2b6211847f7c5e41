//! Idempotency keys: responses to creating requests, stored for their retries.

use serde_json::Value;

use super::{Error, TenantTx};
use crate::db::Timestamp;

/// A request with an idempotency key.
#[derive(Clone, Copy, Debug)]
pub struct KeyedRequest<'a> {
    /// Principal who sends the request.
    pub principal: &'a str,
    /// Idempotency key of the caller, 1 to 255 characters.
    pub key: &'a str,
    /// SHA-256 of the action of the request and its parameters.
    pub fingerprint: [u8; 32],
}

/// Response to an earlier request with the same key.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResponse {
    /// HTTP status.
    pub status: i32,
    /// Headers to repeat, as a JSON object.
    pub headers: Value,
    /// Body.
    pub body: Value,
}

/// Result of claiming a key.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimResult {
    /// The key is claimed for this request, until the request is completed or the key is released.
    Claimed,
    /// The same request was completed before, with this response.
    Completed(StoredResponse),
    /// The same request is in progress.
    InProgress,
    /// The key was used for another request.
    KeyReused,
}

/// Claims a key for a request. The caller commits the transaction before it begins the work. A claim that is older than
/// `stale_before` and has no response was left behind by a process that died, and is transferred to the new request.
///
/// # Errors
/// Returns an error if a query fails.
pub async fn claim(
    tx: &mut TenantTx,
    request: KeyedRequest<'_>,
    now: Timestamp,
    stale_before: Timestamp,
    expires_at: Timestamp,
) -> Result<ClaimResult, Error> {
    let KeyedRequest { principal, key, fingerprint } = request;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "delete from idempotency_keys where tenant_id = $1 and (principal, key) in (
           select principal, key from idempotency_keys
           where tenant_id = $1 and expires_at <= $2 limit 100 for update skip locked
         )",
        tenant,
        now
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("delete expired idempotency keys"))?;
    // Even when the `where` clause is false, the upsert locks the conflicting row, so the query below reads its current
    // state.
    let claimed = sqlx::query!(
        "insert into idempotency_keys as k (tenant_id, principal, key, fingerprint, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $7)
         on conflict (tenant_id, principal, key) do update
           set fingerprint = excluded.fingerprint, created_at = excluded.created_at,
               expires_at = excluded.expires_at, status = null, headers = null, body = null
           where k.expires_at <= $5
              or (k.status is null and k.created_at <= $6 and k.fingerprint = excluded.fingerprint)
         returning true as \"claimed!\"",
        tenant,
        principal,
        key,
        &fingerprint[..],
        now,
        stale_before,
        expires_at
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::query("claim an idempotency key"))?;
    if claimed.is_some() {
        return Ok(ClaimResult::Claimed);
    }
    let row = sqlx::query!(
        "select fingerprint, status, headers, body from idempotency_keys
         where tenant_id = $1 and principal = $2 and key = $3",
        tenant,
        principal,
        key
    )
    .fetch_one(connection)
    .await
    .map_err(Error::query("read an idempotency key"))?;
    Ok(match row.status {
        _ if row.fingerprint != fingerprint => ClaimResult::KeyReused,
        None => ClaimResult::InProgress,
        Some(status) => ClaimResult::Completed(StoredResponse {
            status,
            headers: row.headers.unwrap_or_default(),
            body: row.body.unwrap_or_default(),
        }),
    })
}

/// Stores the response to a request. The caller commits the transaction.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn complete(
    tx: &mut TenantTx,
    request: KeyedRequest<'_>,
    response: &StoredResponse,
) -> Result<(), Error> {
    let KeyedRequest { principal, key, fingerprint } = request;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update idempotency_keys set status = $5, headers = $6, body = $7
         where tenant_id = $1 and principal = $2 and key = $3 and fingerprint = $4",
        tenant,
        principal,
        key,
        &fingerprint[..],
        response.status,
        response.headers,
        response.body
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("store a response"))
}

/// Releases a key, because the request failed in a way that a retry may fix. The caller commits the
/// transaction.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn release(tx: &mut TenantTx, request: KeyedRequest<'_>) -> Result<(), Error> {
    let KeyedRequest { principal, key, fingerprint } = request;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "delete from idempotency_keys
         where tenant_id = $1 and principal = $2 and key = $3 and fingerprint = $4 and status is null",
        tenant,
        principal,
        key,
        &fingerprint[..]
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("release an idempotency key"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        auth::TenantScope,
        db::{AppPool, MIGRATOR, testing::app_pool},
        mirror::testing::store,
        project::testing::{tenant, uid},
    };

    const ANNA: KeyedRequest<'_> =
        KeyedRequest { principal: "anna@acme.example", key: "order-7", fingerprint: [1; 32] };

    fn time(time: &str) -> jiff::Timestamp {
        format!("2026-11-24T{time}Z").parse().unwrap()
    }

    async fn claim_at(app: &AppPool, request: KeyedRequest<'_>, now: &str) -> ClaimResult {
        let stale_before = time(now) - jiff::SignedDuration::from_mins(1);
        let expires = time(now) + jiff::SignedDuration::from_hours(1);
        let mut tx = TenantTx::begin(app, TenantScope::for_tests(uid("acme"))).await.unwrap();
        let result =
            claim(&mut tx, request, time(now).into(), stale_before.into(), expires.into()).await.unwrap();
        tx.commit().await.unwrap();
        result
    }

    async fn complete_with(app: &AppPool, response: &StoredResponse) {
        let mut tx = TenantTx::begin(app, TenantScope::for_tests(uid("acme"))).await.unwrap();
        complete(&mut tx, ANNA, response).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A repeated request gets the response of the first one, and its key is refused for any other request.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_repeated_request_gets_the_first_response(owner: PgPool) {
        store(&owner, [tenant("acme").build()]).await;
        let app = app_pool(&owner).await;
        assert_eq!(claim_at(&app, ANNA, "08:00:00").await, ClaimResult::Claimed);
        assert_eq!(claim_at(&app, ANNA, "08:00:30").await, ClaimResult::InProgress);
        let response =
            StoredResponse { status: 202, headers: json!({"location": "/v1"}), body: json!({"id": 7}) };
        complete_with(&app, &response).await;
        assert_eq!(claim_at(&app, ANNA, "08:30:00").await, ClaimResult::Completed(response));
        let other = KeyedRequest { fingerprint: [2; 32], ..ANNA };
        assert_eq!(claim_at(&app, other, "08:30:00").await, ClaimResult::KeyReused);
        let someone_else = KeyedRequest { principal: "jan@acme.example", ..ANNA };
        assert_eq!(claim_at(&app, someone_else, "08:30:00").await, ClaimResult::Claimed);
        assert_eq!(claim_at(&app, other, "09:00:01").await, ClaimResult::Claimed);
    }

    /// After a crash or a temporary failure, a client can retry with the same key.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_released_or_stale_key_can_be_claimed_again(owner: PgPool) {
        store(&owner, [tenant("acme").build()]).await;
        let app = app_pool(&owner).await;
        assert_eq!(claim_at(&app, ANNA, "08:00:00").await, ClaimResult::Claimed);
        assert_eq!(
            claim_at(&app, ANNA, "08:01:00").await,
            ClaimResult::Claimed,
            "the process of the first claim died a minute ago"
        );
        let mut tx = TenantTx::begin(&app, TenantScope::for_tests(uid("acme"))).await.unwrap();
        release(&mut tx, ANNA).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claim_at(&app, ANNA, "08:01:01").await, ClaimResult::Claimed);
    }
}
