//! Revoking API keys.

use uuid::Uuid;

use super::AUDIT_KIND;
use crate::{
    app::{
        App, Error,
        audit::{self, Change},
        kubernetes::write_permit,
        tenants::active,
    },
    auth::TenantScope,
    store::{TenantTx, api_keys},
};

const ACTION: &str = "revoke the API key";

/// Deletes a key. Requests with it are refused within 5 s, on all replicas.
///
/// # Errors
/// Returns an error if the tenant accepts no writes, if there is no such key, or if the database fails.
pub async fn revoke(app: &App, scope: TenantScope, id: Uuid) -> Result<(), Error> {
    let _permit = write_permit(app, scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let key = api_keys::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(AUDIT_KIND, Some(id), &key.name);
    if !api_keys::delete(&mut tx, id).await? {
        return Err(Error::NotFound);
    }
    audit::record_changes([Change::new("/prefix", Some(key.prefix.into()), None)]);
    Ok(tx.commit().await?)
}
