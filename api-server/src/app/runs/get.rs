//! One run.

use uuid::Uuid;

use crate::{
    app::Error,
    auth::TenantScope,
    state::AppState,
    store::{Run, RunContent, TenantTx, runs},
};

/// A run, and what it was given, did and returned.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The run.
    pub run: Run,
    /// Its large parts.
    pub content: RunContent,
}

/// One run, without its large parts.
///
/// # Errors
/// The tenant has no such run, or the database fails.
pub async fn get(state: &AppState, scope: TenantScope, id: Uuid) -> Result<Run, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    runs::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// One run, with its large parts.
///
/// # Errors
/// The tenant has no such run, or the database fails.
pub async fn whole(state: &AppState, scope: TenantScope, id: Uuid) -> Result<Whole, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let run = runs::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let content = runs::contents(&mut tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    Ok(Whole { run, content })
}
