//! The contents of runs and workflows, whose size is known and reserved before they are loaded.

use uuid::Uuid;

use super::{App, Error, Reservation, reservation::COPIES};
use crate::{
    auth::TenantScope,
    store::{self, ContentSize, RunContent, TenantTx, WorkflowContent, runs, workflows},
};

/// Content of a row, which may be large.
pub trait Content: Sized + Send {
    /// Returns the size of the contents of the rows with these IDs.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    fn size(
        tx: &mut TenantTx,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<ContentSize, store::Error>> + Send;

    /// Returns the contents of the rows with these IDs, in no particular order.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    fn read(tx: &mut TenantTx, ids: &[Uuid]) -> impl Future<Output = Result<Vec<Self>, store::Error>> + Send;
}

impl Content for RunContent {
    async fn size(tx: &mut TenantTx, ids: &[Uuid]) -> Result<ContentSize, store::Error> {
        runs::content_size(tx, ids).await
    }

    async fn read(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Self>, store::Error> {
        runs::contents(tx, ids).await
    }
}

impl Content for WorkflowContent {
    async fn size(tx: &mut TenantTx, ids: &[Uuid]) -> Result<ContentSize, store::Error> {
        workflows::content_size(tx, ids).await
    }

    async fn read(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Self>, store::Error> {
        workflows::contents(tx, ids).await
    }
}

/// Returns the contents of the rows with these IDs for a response, in no particular order. Unknown IDs are skipped. `repeats`
/// is the number of times that the response contains the same part of a content.
///
/// # Errors
/// Returns an error if the contents are too large for one response, if the memory for them is not free in time, or if the
/// database fails.
pub async fn contents<C: Content>(
    app: &App,
    scope: TenantScope,
    ids: &[Uuid],
    repeats: usize,
    reservation: &Reservation,
) -> Result<Vec<C>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let size = C::size(&mut tx, ids).await?;
    if reservation.try_add_contents(app, scope, size, repeats).await? {
        return Ok(C::read(&mut tx, ids).await?);
    }
    // The connection is released before the wait for memory.
    drop(tx);
    reservation.add_contents(app, scope, size, repeats).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(C::read(&mut tx, ids).await?)
}

/// Returns the content of a row that is processed and not returned, and its memory.
///
/// # Errors
/// Returns an error if the row does not exist, if the memory is not free in time, or if the database fails.
pub(super) async fn content_to_process<C: Content>(
    app: &App,
    scope: TenantScope,
    id: Uuid,
) -> Result<(C, Reservation), Error> {
    let reservation = reserve_object::<C>(app, scope, id, COPIES).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let content = C::read(&mut tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    Ok((content, reservation))
}

/// Reserves the memory for the object of a row, which is about as large as the content of the row, with this number of copies of
/// it at the same time.
///
/// # Errors
/// Returns an error if the memory is not free in time, or if the database fails.
pub(super) async fn reserve_object<C: Content>(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    copies: usize,
) -> Result<Reservation, Error> {
    let size = size::<C>(app, scope, &[id]).await?;
    let reservation = Reservation::default();
    reservation.add_object(app, scope, size, copies).await?;
    Ok(reservation)
}

/// Returns the size of contents. The connection is released before the wait for memory.
async fn size<C: Content>(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<ContentSize, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(C::size(&mut tx, ids).await?)
}
