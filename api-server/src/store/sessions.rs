//! Sessions of people who have logged in with a browser.

use uuid::Uuid;

use super::{Error, TenantTx};
use crate::{
    auth::{FoundSession, LookupError, SessionLookup},
    db::{AppPool, Timestamp},
};

/// Name of the constraint that each login makes one session only.
pub const LOGIN: &str = "sessions_login_digest_key";

/// Session to create.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// ID.
    pub id: Uuid,
    /// User; `None` if the claims alone identify the person.
    pub user: Option<Uuid>,
    /// Issuer of the ID token.
    pub issuer: &'a str,
    /// Identifier of the person that the issuer has chosen.
    pub subject: &'a str,
    /// SHA-256 of the token.
    pub digest: &'a [u8],
    /// SHA-256 of the state of the login.
    pub login_digest: &'a [u8],
    /// Claims as JSON.
    pub claims: &'a str,
    /// Time after which the session is refused.
    pub expires_at: Timestamp,
}

impl SessionLookup for AppPool {
    async fn by_session(&self, digest: [u8; 32]) -> Result<Option<FoundSession>, LookupError> {
        Ok(by_digest(self, digest).await?)
    }
}

/// Returns the session with a digest, in whichever tenant it is: a function of the database reads it, to which no row is visible
/// otherwise.
async fn by_digest(pool: &AppPool, digest: [u8; 32]) -> Result<Option<FoundSession>, Error> {
    let mut connection = pool.acquire_for_lookup().await.map_err(Error::Begin)?;
    let row = sqlx::query!(
        r#"select session_id as "id!", digest as "digest!", tenant_id as "tenant_id!", claims as "claims!",
             last_used_at as "last_used_at!: Timestamp", expires_at as "expires_at!: Timestamp"
           from find_session($1)"#,
        digest.as_slice()
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::query("find a session"))?;
    Ok(row.map(|row| FoundSession {
        id: row.id,
        // A digest of another length equals none.
        digest: row.digest.try_into().unwrap_or_default(),
        tenant: row.tenant_id,
        claims: row.claims,
        last_used_at: row.last_used_at.to_jiff().as_second(),
        expires_at: row.expires_at.to_jiff().as_second(),
    }))
}

/// Creates a session, and deletes those of the tenant that have expired. Of a person, the newest ones remain, at most `limit`.
///
/// # Errors
/// Returns an error if the login has made a session already, or if a query fails.
pub async fn insert(tx: &mut TenantTx, session: &NewSession<'_>, limit: i64) -> Result<(), Error> {
    let NewSession { id, user, issuer, subject, digest, login_digest, claims, expires_at } = *session;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from sessions where tenant_id = $1 and expires_at < now()", tenant)
        .execute(&mut *connection)
        .await
        .map_err(Error::query("delete expired sessions"))?;
    sqlx::query!(
        "insert into sessions (id, tenant_id, user_id, issuer, subject, digest, login_digest, claims, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id,
        tenant,
        user,
        issuer,
        subject,
        digest,
        login_digest,
        claims,
        expires_at as _
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::query("create a session"))?;
    sqlx::query!(
        "delete from sessions where tenant_id = $1 and id in (
           select id from sessions where tenant_id = $1 and issuer = $2 and subject = $3
           order by created_at desc, id desc offset $4
         )",
        tenant,
        issuer,
        subject,
        limit
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("delete the oldest sessions of a person"))
}

/// Revokes a session. Does nothing if it is revoked already.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn revoke(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "update sessions set revoked_at = now() where tenant_id = $1 and id = $2 and revoked_at is null",
        tenant,
        id
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("revoke a session"))
}

/// Records that a session is used now.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn record_use(tx: &mut TenantTx, id: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("update sessions set last_used_at = now() where tenant_id = $1 and id = $2", tenant, id)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::query("record the use of a session"))
}
