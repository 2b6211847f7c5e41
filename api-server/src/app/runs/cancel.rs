//! Cancelling a run.

use uuid::Uuid;

use super::kubernetes;
use crate::{
    app::{Error, tenants},
    auth::TenantScope,
    mirror,
    state::AppState,
    store::{CancelMode, Run, TenantTx, runs},
};

/// Asks a run to stop, and gives it back as it is then. Asking twice in the same way is asking once.
///
/// # Errors
/// The tenant accepts no writes or has no such run; the run has ended, or was asked to stop in another way; or
/// Kubernetes or the database fails.
pub async fn cancel(state: &AppState, scope: TenantScope, id: Uuid, mode: CancelMode) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let tenant = tenants::writable(&mut tx).await?;
    let run = runs::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    // No connection is held while Kubernetes is asked.
    drop(tx);
    if !is_needed(&run, mode)? {
        return Ok(run);
    }
    let object = kubernetes::cancel(&state.kube, &tenant.namespace, &run.name, mode).await?;
    mirror::apply_one(&state.mirror, &object).await?;
    super::get(state, scope, id).await
}

fn is_needed(run: &Run, mode: CancelMode) -> Result<bool, Error> {
    match run.cancel {
        _ if run.status.is_final() || !run.live => {
            Err(Error::RunFinished { action: "cancel", status: run.status })
        }
        Some(asked) if asked == mode => Ok(false),
        Some(asked) => Err(Error::CancellationFixed { asked }),
        None => Ok(true),
    }
}
