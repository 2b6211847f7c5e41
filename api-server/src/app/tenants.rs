//! The caller's tenant, and all tenants for platform administrators.

use uuid::Uuid;

use super::{
    App, Error,
    page::{List, Page, Paging},
};
use crate::{
    auth::{PlatformScope, TenantScope},
    db::Timestamp,
    store::{PlatformTx, Tenant, TenantState, TenantTx, tenants},
};

/// Filters of a list of tenants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// State of the tenants.
    pub state: Option<TenantState>,
    /// Lower bound of the creation time, exclusive.
    pub created_after: Option<Timestamp>,
}

/// Returns the caller's tenant.
///
/// # Errors
/// Returns an error if the tenant has just been deleted or the database fails.
pub async fn current(app: &App, scope: TenantScope) -> Result<Tenant, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    tenants::current(&mut tx).await?.ok_or(Error::NotFound)
}

/// Returns the caller's tenant if it accepts writes.
///
/// # Errors
/// Returns an error if the tenant is suspended or archived or the database fails.
pub(super) async fn writable(tx: &mut TenantTx) -> Result<Tenant, Error> {
    let tenant = tenants::current(tx).await?.ok_or(Error::NotFound)?;
    match tenant.state {
        TenantState::Active => Ok(tenant),
        state @ (TenantState::Suspended | TenantState::Archived) => {
            Err(Error::TenantSuspended { slug: tenant.slug, state })
        }
    }
}

/// Returns any tenant.
///
/// # Errors
/// Returns an error if there is no such tenant or the database fails.
pub async fn get(app: &App, scope: PlatformScope, id: Uuid) -> Result<Tenant, Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns a page of all tenants.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(
    app: &App,
    scope: PlatformScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<Tenant>, Error> {
    let Filter { state: of_state, created_after } = filter;
    let list = List::new(&app.cursors, None, "tenants", paging.order)
        .filtered("state", of_state)
        .filtered("createdAfter", created_after);
    let after = list.open(paging)?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    let query =
        tenants::Query { state: of_state, created_after, order: paging.order, after, limit: paging.limit };
    Ok(list.page(tenants::list(&mut tx, query).await?, paging.limit))
}
