//! Replacing an API key by a new one, while the old one is valid for some time.

use jiff::SignedDuration;
use uuid::Uuid;

use super::{AUDIT_KIND, CreatedKey, Creator, Secret, new_secret};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        kubernetes::write_permit,
        tenants::active,
        users::{check_covered, permissions_of_nodes},
    },
    store::{
        TenantTx,
        api_keys::{self, NewKey},
    },
};

const ACTION: &str = "rotate the API key";
/// Time for which both keys are valid by default, in seconds: a day.
const DEFAULT_OVERLAP_SECONDS: i64 = 24 * 3600;
/// Maximum time for which both keys are valid, in seconds: 7 days.
const MAX_OVERLAP_SECONDS: i64 = 7 * 24 * 3600;

/// Parameters of a rotation.
#[derive(Clone, Debug)]
pub struct Rotate {
    /// ID of the key to replace.
    pub id: Uuid,
    /// Time for which the old key remains valid, in seconds: 0 to 604,800. A day if `None`.
    pub overlap_seconds: Option<i64>,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Creates a key with owner, name, scopes and lifetime of another one, which expires after the overlap. Returns it with its secret, or
/// without it if an earlier attempt of the same request created the key.
///
/// # Errors
/// Returns an error if the tenant accepts no writes; if there is no such key; if the overlap is too long; if the key belongs to another user or has scopes that
/// the caller lacks; or if the database fails.
pub async fn rotate(app: &App, creator: Creator, rotate: Rotate) -> Result<(CreatedKey, Outcome), Error> {
    let Rotate { id: old, overlap_seconds, requested_by, key } = rotate;
    let overlap_seconds = overlap_seconds.unwrap_or(DEFAULT_OVERLAP_SECONDS);
    if !(0..=MAX_OVERLAP_SECONDS).contains(&overlap_seconds) {
        let message = format!("must be 0 to {MAX_OVERLAP_SECONDS}");
        let violation =
            Violation { pointer: "/overlapSeconds".to_owned(), code: "invalid".to_owned(), message };
        return Err(Error::InvalidRequest { action: ACTION, violations: vec![violation] });
    }
    let scope = creator.editor.scope;
    let action = KeyedAction::RotateApiKey { key: old, overlap_seconds };
    let claim = Claim::new(scope, &requested_by, key, &action);
    let secret = new_secret();
    let overlap = SignedDuration::from_secs(overlap_seconds);
    let (id, outcome) = claim.run(app, replace(app, creator, old, overlap, &secret)).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let key = api_keys::get(&mut tx, id).await?.ok_or(Error::CreatedObjectDeleted)?;
    audit::record_object(AUDIT_KIND, Some(old), &key.name);
    Ok((CreatedKey { key, secret: (outcome == Outcome::Created).then_some(secret) }, outcome))
}

/// Creates the successor of a key, and returns its ID.
async fn replace(
    app: &App,
    creator: Creator,
    id: Uuid,
    overlap: SignedDuration,
    secret: &Secret,
) -> Result<Uuid, Error> {
    let Creator { editor, user } = creator;
    let now = telemetry::clock::now();
    let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let old = api_keys::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(AUDIT_KIND, Some(id), &old.name);
    // The new key acts in the name of the user: whoever gets its secret would act in the name of somebody else.
    if old.user_id.is_some() && old.user_id != user {
        return Err(Error::KeyOfAnotherUser { action: ACTION });
    }
    check_covered(editor.permissions, permissions_of_nodes(&old.scopes), ACTION)?;
    let lifetime = old.expires_at.to_jiff().duration_since(old.created_at.to_jiff());
    let new = NewKey {
        id: telemetry::ids::uuid_v7(),
        user: old.user_id,
        service_account: old.service_account_id,
        name: &old.name,
        digest: secret.digest(),
        prefix: secret.shown(),
        scopes: &old.scopes,
        expires_at: (now + lifetime).into(),
    };
    api_keys::insert(&mut tx, &new).await?;
    api_keys::expire(&mut tx, id, (now + overlap).into()).await?;
    audit::record_changes([
        Change::new("/prefix", Some(old.prefix.as_str().into()), Some(new.prefix.into())),
        Change::new("/replacedBy", None, Some(new.id.to_string().into())),
    ]);
    tx.commit().await?;
    Ok(new.id)
}
