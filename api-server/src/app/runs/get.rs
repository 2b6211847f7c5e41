//! Reading runs.

use uuid::Uuid;

use crate::{
    app::{App, Error},
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

/// Returns a run with its content.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn details(app: &App, scope: TenantScope, id: Uuid) -> Result<RunDetails, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let run = runs::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let content = runs::contents(&mut tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    Ok(RunDetails { run, content })
}

/// Returns the contents of the runs with these ids, in no particular order. Unknown ids are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn contents(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<RunContent>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(runs::contents(&mut tx, ids).await?)
}
