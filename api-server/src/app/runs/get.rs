//! Reading runs.

use uuid::Uuid;

use super::find;
use crate::{
    app::{App, Error, Reservation},
    auth::TenantScope,
    store::{
        Run, RunContent, RunReference, TenantTx,
        runs::{self, FoundRun},
    },
};

/// Run with its content: input, output, steps and decisions.
#[derive(Clone, Debug)]
pub struct RunDetails {
    /// Row of the run.
    pub run: Run,
    /// Content of the run, which may be large.
    pub content: RunContent,
}

/// Returns a run without its content.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    runs::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the runs with these IDs without their contents, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<Run>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(runs::by_ids(&mut tx, ids).await?)
}

/// Returns a run with its content, and the memory that it takes, which the caller holds until the response is built.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn details(app: &App, scope: TenantScope, id: Uuid) -> Result<(RunDetails, Reservation), Error> {
    read(app, scope, RunReference { id: Some(id), name: None }).await
}

/// Returns the run of a reference, as [`super::find`] describes it, like [`details`].
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn find_details(
    app: &App,
    scope: TenantScope,
    reference: &str,
) -> Result<(RunDetails, Reservation), Error> {
    read(app, scope, find::parse(reference)?).await
}

async fn read(
    app: &App,
    scope: TenantScope,
    reference: RunReference<'_>,
) -> Result<(RunDetails, Reservation), Error> {
    let (small, inline) = Reservation::small_content(app, scope).await;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let FoundRun { run, size, content } =
        runs::read(&mut tx, reference, inline).await?.ok_or(Error::NotFound)?;
    if let Some(content) = content {
        return Ok((RunDetails { run, content }, small));
    }
    // Neither the connection nor memory is held while the request waits for more memory.
    drop((tx, small));
    let reservation = Reservation::default();
    reservation.add_contents(app, scope, size, 1).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let content = runs::contents(&mut tx, &[run.id]).await?.pop().ok_or(Error::NotFound)?;
    Ok((RunDetails { run, content }, reservation))
}
