//! Reading invitations.

use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{
        Count, TenantTx,
        invitations::{self, Invitation},
    },
};

/// Returns an invitation of the tenant.
///
/// # Errors
/// Returns an error if there is no such invitation, or if the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<Invitation, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    invitations::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the invitations of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<Invitation>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(invitations::by_ids(&mut tx, ids).await?)
}

/// Returns a page of the invitations of the tenant.
///
/// # Errors
/// Returns an error if the cursor belongs to another list, or if the database fails.
pub async fn list(app: &App, scope: TenantScope, paging: &Paging) -> Result<Page<Invitation>, Error> {
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "invitations", paging.order);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let page = invitations::list(&mut tx, paging.reading_order(), after, paging.limit).await?;
    Ok(list.page(page, paging))
}

/// Counts the invitations of the tenant.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(invitations::count(&mut tx).await?)
}
