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
    .map_err(Error::query("forget expired idempotency keys"))?;
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

    const ANNA: Request<'_> =
        Request { principal: "anna@acme.example", key: "order-7", fingerprint: [1; 32] };

    fn at(time: &str) -> Timestamp {
        Timestamp(format!("2026-11-24T{time}Z").parse().unwrap())
    }

    async fn begin_at(app: &AppPool, request: Request<'_>, now: &str) -> Found {
        let stale_before = Timestamp(at(now).0 - jiff::SignedDuration::from_mins(1));
        let expires = Timestamp(at(now).0 + jiff::SignedDuration::from_hours(1));
        let mut tx = TenantTx::begin(app, TenantScope::for_tests(uid("acme"))).await.unwrap();
        let found = begin(&mut tx, request, at(now), stale_before, expires).await.unwrap();
        tx.commit().await.unwrap();
        found
    }

    async fn finish_with(app: &AppPool, answer: &Answer) {
        let mut tx = TenantTx::begin(app, TenantScope::for_tests(uid("acme"))).await.unwrap();
        finish(&mut tx, ANNA, answer).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A client that repeats a request starts a second run.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_repeated_request_gets_the_first_ones_answer(owner: PgPool) {
        store(&owner, [tenant("acme").build()]).await;
        let app = app_pool(&owner).await;
        assert_eq!(begin_at(&app, ANNA, "08:00:00").await, Found::Fresh);
        assert_eq!(begin_at(&app, ANNA, "08:00:30").await, Found::InFlight);
        let answer = Answer { status: 202, headers: json!({"location": "/v1"}), body: json!({"id": 7}) };
        finish_with(&app, &answer).await;
        assert_eq!(begin_at(&app, ANNA, "08:30:00").await, Found::Answered(answer));
        let other = Request { fingerprint: [2; 32], ..ANNA };
        assert_eq!(begin_at(&app, other, "08:30:00").await, Found::OtherRequest);
        let someone_else = Request { principal: "jan@acme.example", ..ANNA };
        assert_eq!(begin_at(&app, someone_else, "08:30:00").await, Found::Fresh);
        assert_eq!(begin_at(&app, other, "09:00:01").await, Found::Fresh);
    }

    /// After a crash, or a failure that may heal, a client can never try again.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_key_that_was_abandoned_or_left_behind_can_be_used_again(owner: PgPool) {
        store(&owner, [tenant("acme").build()]).await;
        let app = app_pool(&owner).await;
        assert_eq!(begin_at(&app, ANNA, "08:00:00").await, Found::Fresh);
        assert_eq!(begin_at(&app, ANNA, "08:01:00").await, Found::Fresh, "its process died a minute ago");
        let mut tx = TenantTx::begin(&app, TenantScope::for_tests(uid("acme"))).await.unwrap();
        abandon(&mut tx, ANNA).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(begin_at(&app, ANNA, "08:01:01").await, Found::Fresh);
    }
}
