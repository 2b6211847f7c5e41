//! Reading runs.

use uuid::Uuid;

use super::content::contents;
use crate::{
    app::{App, Error, Reservation},
    auth::TenantScope,
    store::{Run, RunContent, TenantTx, runs},
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

/// Returns a run with its content, and the memory that it takes, which the caller holds until the response is built.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn details(app: &App, scope: TenantScope, id: Uuid) -> Result<(RunDetails, Reservation), Error> {
    let run = get(app, scope, id).await?;
    let reservation = Reservation::default();
    let content = contents(app, scope, &[id], 1, &reservation).await?.pop().ok_or(Error::NotFound)?;
    Ok((RunDetails { run, content }, reservation))
}
