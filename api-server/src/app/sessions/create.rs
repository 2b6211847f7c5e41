//! Creating a session after a login.

use jiff::{SignedDuration, Timestamp};

use crate::{
    app::{
        App, Error,
        audit::{self, Ending, audited, operation_of_session},
        kubernetes::write_permit,
    },
    auth::{Claims, MAX_SESSION_SECONDS, Principal, SessionToken},
    store::{
        TenantTx,
        sessions::{self, NewSession},
    },
};

const ACTION: &str = "log in";
/// Kind of sessions in the audit log.
const KIND: &str = "SESSION";
/// Maximum number of sessions of a person. A further login ends the oldest one.
const MAX_SESSIONS: i64 = 20;

/// Session that was created.
#[derive(Debug)]
pub struct CreatedSession {
    /// Token for the cookie.
    pub token: SessionToken,
    /// Time after which the session is refused.
    pub expires_at: Timestamp,
}

/// Creates a session of a principal whose claims were verified. `login` is the SHA-256 of the state of the login.
///
/// # Errors
/// Returns an error if the principal has no tenant, if the login has made a session already, or if the database fails.
pub async fn create(
    app: &App,
    principal: &Principal,
    claims: &Claims,
    login: [u8; 32],
    now: Timestamp,
) -> Result<CreatedSession, Error> {
    let ending = |result: &Result<CreatedSession, Error>| match result {
        Ok(_) => Ending::Succeeded,
        Err(Error::Store(source)) if source.is_transient() => Ending::Failed("unavailable"),
        Err(_) => Ending::Refused("login_failed"),
    };
    let operation = operation_of_session(app, principal);
    audited(operation, insert(app, principal, claims, login, now), ending).await?
}

async fn insert(
    app: &App,
    principal: &Principal,
    claims: &Claims,
    login: [u8; 32],
    now: Timestamp,
) -> Result<CreatedSession, Error> {
    let tenant = principal.tenant.as_ref().ok_or(Error::NotFound)?;
    let _permit = write_permit(app, tenant.scope.tenant_id(), ACTION).await?;
    let expires_at =
        now.saturating_add(SignedDuration::from_secs(MAX_SESSION_SECONDS)).unwrap_or(Timestamp::MAX);
    let (token, id) = (SessionToken::random(), telemetry::ids::uuid_v7());
    audit::record_object(KIND, Some(id), &principal.email);
    let claims_text = serde_json::to_string(claims).unwrap_or_default();
    let session = NewSession {
        id,
        user: principal.user.as_ref().map(|user| user.id),
        issuer: &claims.iss,
        subject: claims.sub.as_deref().ok_or(Error::NotFound)?,
        digest: &token.digest(),
        login_digest: &login,
        claims: &claims_text,
        expires_at: expires_at.into(),
    };
    let mut tx = TenantTx::begin(&app.db, tenant.scope).await?;
    sessions::insert(&mut tx, &session, MAX_SESSIONS).await.map_err(|error| {
        match error.violates(sessions::LOGIN) {
            true => Error::LoginReplayed,
            false => error.into(),
        }
    })?;
    tx.commit().await?;
    Ok(CreatedSession { token, expires_at })
}
