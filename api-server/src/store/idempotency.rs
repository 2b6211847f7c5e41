//! Answers to creating requests, kept for their retries.

use serde_json::Value;

use super::{Error, TenantTx};
use crate::db::Timestamp;

/// Whose key it is, and for which request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a str,
    /// The caller's key, 1 to 255 characters.
    pub key: &'a str,
    /// SHA-256 of method, path and body.
    pub fingerprint: [u8; 32],
}

/// An answer that was given before.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its HTTP status.
    pub status: i32,
    /// Those of its headers that belong to the answer, as an object.
    pub headers: Value,
    /// Its body.
    pub body: Value,
}

/// What is known about a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Nothing: the key is this request's now, until it is finished or abandoned.
    Fresh,
    /// The same request was answered.
    Answered(Answer),
    /// The same request is under way.
    InFlight,
    /// The key was used for another request.
    OtherRequest,
}

/// Claims a key for a request. Commit afterwards, before the work begins. A claim that is older than `stale_before`
/// and has no answer was left by a process that died, and goes to the new request.
///
/// # Errors
/// A query fails.
pub async fn begin(
    tx: &mut TenantTx,
    request: Request<'_>,
    now: Timestamp,
    stale_before: Timestamp,
    expires_at: Timestamp,
) -> Result<Found, Error> {
    let Request { principal, key, fingerprint } = request;
    let (connection, tenant) = tx.parts();
    // A row that is in the way and counts is locked by the failed update, so that the query below sees it.
    let claimed = sqlx::query!(
        "insert into idempotency_keys as k (tenant_id, principal, key, fingerprint, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $7)
         on conflict (tenant_id, principal, key) do update
           set fingerprint = excluded.fingerprint, created_at = excluded.created_at,
               expires_at = excluded.expires_at, status = null, headers = null, body = null
           where k.expires_at <= $5
              or (k.status is null and k.created_at <= $6 and k.fingerprint = excluded.fingerprint)
         returning true as \"fresh!\"",
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
        return Ok(Found::Fresh);
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
        _ if row.fingerprint != fingerprint => Found::OtherRequest,
        None => Found::InFlight,
        Some(status) => Found::Answered(Answer {
            status,
            headers: row.headers.unwrap_or_default(),
            body: row.body.unwrap_or_default(),
        }),
    })
}

/// Keeps a request's answer. Commit afterwards.
///
/// # Errors
/// The query fails.
pub async fn finish(tx: &mut TenantTx, request: Request<'_>, answer: &Answer) -> Result<(), Error> {
    let Request { principal, key, fingerprint } = request;
    let (connection, tenant) = tx.parts();
    sqlx::query!(
        "update idempotency_keys set status = $5, headers = $6, body = $7
         where tenant_id = $1 and principal = $2 and key = $3 and fingerprint = $4",
        tenant,
        principal,
        key,
        &fingerprint[..],
        answer.status,
        answer.headers,
        answer.body
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("keep an answer"))
}

/// Gives a key back: the request failed in a way that a retry may mend. Commit afterwards.
///
/// # Errors
/// The query fails.
pub async fn abandon(tx: &mut TenantTx, request: Request<'_>) -> Result<(), Error> {
    let Request { principal, key, fingerprint } = request;
    let (connection, tenant) = tx.parts();
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
    .map_err(Error::query("give an idempotency key back"))
}
