//! Ending sessions, and recording their use.

use uuid::Uuid;

use crate::{
    app::{App, Error, audit},
    auth::TenantScope,
    store::{TenantTx, sessions},
};

const ACTION: &str = "log out";
/// Kind of sessions in the audit log.
const KIND: &str = "SESSION";

/// Ends a session. `name` is the address of the person.
///
/// # Errors
/// Returns an error if no audit event was begun for it, or if the database fails.
pub async fn revoke(app: &App, scope: TenantScope, id: Uuid, name: &str) -> Result<(), Error> {
    audit::begin_write(ACTION).await?;
    audit::record_object(KIND, Some(id), name);
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    sessions::revoke(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Records that a session is used now.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn record_use(app: &App, scope: TenantScope, id: Uuid) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    sessions::record_use(&mut tx, id).await?;
    Ok(tx.commit().await?)
}
