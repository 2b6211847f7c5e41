//! Reading service accounts.

use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{
        Count, TenantTx,
        service_accounts::{self, ServiceAccount},
    },
};

/// Returns a service account of the tenant.
///
/// # Errors
/// Returns an error if there is no such account, or if the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<ServiceAccount, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    service_accounts::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the service accounts of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<ServiceAccount>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(service_accounts::by_ids(&mut tx, ids).await?)
}

/// Returns a page of the service accounts of the tenant.
///
/// # Errors
/// Returns an error if the cursor belongs to another list, or if the database fails.
pub async fn list(app: &App, scope: TenantScope, paging: &Paging) -> Result<Page<ServiceAccount>, Error> {
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "service-accounts", paging.order);
    let after = list.open(paging)?;
    let query = service_accounts::Query { order: paging.reading_order(), after, limit: paging.limit };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(list.page(service_accounts::list(&mut tx, query).await?, paging))
}

/// Counts the service accounts of the tenant.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(service_accounts::count(&mut tx).await?)
}
