//! Reading API keys.

use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{
        Count, TenantTx,
        api_keys::{self, ApiKey},
    },
};

/// Filters of a list of API keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// User that owns the keys.
    pub user: Option<Uuid>,
    /// Service account that owns the keys.
    pub service_account: Option<Uuid>,
}

/// Returns a key of the tenant.
///
/// # Errors
/// Returns an error if there is no such key, or if the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<ApiKey, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    api_keys::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the keys of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<ApiKey>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(api_keys::by_ids(&mut tx, ids).await?)
}

/// Returns a page of the keys of the tenant.
///
/// # Errors
/// Returns an error if the cursor belongs to another list, or if the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<ApiKey>, Error> {
    let Filter { user, service_account } = filter;
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "api-keys", paging.order)
        .filtered("userId", user)
        .filtered("serviceAccountId", service_account);
    let after = list.open(paging)?;
    let query =
        api_keys::Query { user, service_account, order: paging.reading_order(), after, limit: paging.limit };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(list.page(api_keys::list(&mut tx, query).await?, paging))
}

/// Counts the keys of the tenant that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope, filter: Filter) -> Result<Count, Error> {
    let Filter { user, service_account } = filter;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(api_keys::count(&mut tx, api_keys::Query { user, service_account, ..Default::default() }).await?)
}
