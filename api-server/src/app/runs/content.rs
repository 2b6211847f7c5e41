//! The contents of runs, whose size is known and reserved before they are loaded.

use std::sync::{Mutex, PoisonError};

use crds::constants::MAX_RESPONSE_CONTENT_BYTES;
use futures::FutureExt as _;
use uuid::Uuid;

use crate::{
    app::{App, Error},
    auth::TenantScope,
    limits::{Exhausted, Permit},
    store::{RunContent, TenantTx, runs},
};

/// Memory for the contents that one request holds.
#[derive(Debug, Default)]
pub struct ContentReservation(Mutex<Reserved>);

#[derive(Debug, Default)]
struct Reserved {
    bytes: usize,
    permits: Vec<Permit>,
}

/// Returns the contents of the runs with these ids, in no particular order. Unknown ids are skipped. `repeats` is the
/// number of times that the response contains the same part of a content.
///
/// # Errors
/// Returns an error if the contents are too large for one response, or if the database fails.
pub async fn contents(
    app: &App,
    scope: TenantScope,
    ids: &[Uuid],
    repeats: usize,
    held: &ContentReservation,
) -> Result<Vec<RunContent>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let bytes = runs::content_bytes(&mut tx, ids).await?;
    // The connection is released before the wait for memory.
    drop(tx);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_mul(repeats);
    held.reserve(app, scope, bytes).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(runs::contents(&mut tx, ids).await?)
}

impl ContentReservation {
    async fn reserve(&self, app: &App, scope: TenantScope, bytes: usize) -> Result<(), Error> {
        let is_first = {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            held.bytes = held.bytes.saturating_add(bytes);
            if held.bytes > MAX_RESPONSE_CONTENT_BYTES {
                return Err(Error::ResponseTooLarge { limit: MAX_RESPONSE_CONTENT_BYTES });
            }
            held.permits.is_empty()
        };
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let tenant = scope.tenant_id();
        let acquiring = app.limits.contents.acquire(&tenant, kib);
        // A request that holds memory and waits for more could wait for another one that does the same.
        let permit = match is_first {
            true => acquiring.await,
            false => acquiring.now_or_never().unwrap_or(Err(Exhausted::All)),
        };
        let permit =
            permit.map_err(|source| Error::Exhausted { action: "read the contents of runs", source })?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).permits.push(permit);
        Ok(())
    }
}
