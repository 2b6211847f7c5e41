//! The contents of runs, whose size is known and reserved before they are loaded.

use uuid::Uuid;

use crate::{
    app::{App, Error, Reservation},
    auth::TenantScope,
    store::{RunContent, TenantTx, runs},
};

/// Returns the contents of the runs with these ids, in no particular order. Unknown ids are skipped. `repeats` is the
/// number of times that the response contains the same part of a content.
///
/// # Errors
/// Returns an error if the contents are too large for one response, if the memory for them is not free in time, or if the
/// database fails.
pub async fn contents(
    app: &App,
    scope: TenantScope,
    ids: &[Uuid],
    repeats: usize,
    reservation: &Reservation,
) -> Result<Vec<RunContent>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let size = runs::content_size(&mut tx, ids).await?;
    // The connection is released before the wait for memory.
    drop(tx);
    reservation.add_contents(app, scope, size, repeats).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(runs::contents(&mut tx, ids).await?)
}

/// Reserves the memory for the object of a run, which is about as large as its row.
///
/// # Errors
/// Returns an error if the memory is not free in time, or if the database fails.
pub(super) async fn reserve_object(app: &App, scope: TenantScope, id: Uuid) -> Result<Reservation, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let size = runs::content_size(&mut tx, &[id]).await?;
    drop(tx);
    let reservation = Reservation::default();
    reservation.add_object(app, scope, size).await?;
    Ok(reservation)
}
