//! Replacing an API key by a new one, while the old one is valid for some time.

use jiff::SignedDuration;
use uuid::Uuid;

use super::{AUDIT_KIND, CreatedKey, Creator, new_secret};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
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
/// Maximum time for which both keys are valid, in seconds: 7 days.
const MAX_OVERLAP_SECONDS: i64 = 7 * 24 * 3600;

/// Creates a key with owner, name, scopes and lifetime of another one, which expires after `overlap_seconds`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes; if there is no such key; if the overlap is too long; if the key belongs to another user or has scopes that
/// the caller lacks; or if the database fails.
pub async fn rotate(
    app: &App,
    creator: Creator,
    id: Uuid,
    overlap_seconds: i64,
) -> Result<CreatedKey, Error> {
    if !(0..=MAX_OVERLAP_SECONDS).contains(&overlap_seconds) {
        let message = format!("must be 0 to {MAX_OVERLAP_SECONDS}");
        let violation =
            Violation { pointer: "/overlapSeconds".to_owned(), code: "invalid".to_owned(), message };
        return Err(Error::InvalidRequest { action: ACTION, violations: vec![violation] });
    }
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
    let secret = new_secret();
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
    api_keys::expire(&mut tx, id, (now + SignedDuration::from_secs(overlap_seconds)).into()).await?;
    let key = api_keys::get(&mut tx, new.id).await?.ok_or(Error::NotFound)?;
    audit::record_changes([
        Change::new("/prefix", Some(old.prefix.as_str().into()), Some(new.prefix.into())),
        Change::new("/replacedBy", None, Some(new.id.to_string().into())),
    ]);
    tx.commit().await?;
    Ok(CreatedKey { key, secret: Some(secret) })
}
