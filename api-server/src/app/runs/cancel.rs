//! Cancelling a run.

use uuid::Uuid;

use super::{change, kubernetes};
use crate::{
    app::Error,
    auth::TenantScope,
    state::AppState,
    store::{CancelMode, Run, TenantTx},
};

/// Asks a run to stop, and gives it back as it is then. Asking twice in the same way is asking once.
///
/// # Errors
/// The tenant accepts no writes or has no such run; the run has ended, or was asked to stop in another way; or
/// Kubernetes or the database fails.
pub async fn cancel(state: &AppState, scope: TenantScope, id: Uuid, mode: CancelMode) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let (tenant, run) = change::own(&mut tx, id).await?;
    // No connection is held while Kubernetes is asked.
    drop(tx);
    if !is_needed(&run, mode)? {
        return Ok(run);
    }
    let object = kubernetes::cancel(&state.kube, &tenant.namespace, &run.name, mode).await?;
    change::taken_in(state, scope, id, &object).await
}

fn is_needed(run: &Run, mode: CancelMode) -> Result<bool, Error> {
    change::unfinished(run, "cancel")?;
    match run.cancel {
        Some(asked) if asked == mode => Ok(false),
        Some(asked) => Err(Error::CancellationFixed { asked }),
        None => Ok(true),
    }
}
