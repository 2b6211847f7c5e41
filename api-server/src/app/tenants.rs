//! Tenants: one's own, and for the platform all of them.

use uuid::Uuid;

use super::{
    Error,
    page::{List, Page, Paging},
};
use crate::{
    auth::{PlatformScope, TenantScope},
    db::Timestamp,
    state::AppState,
    store::{PlatformTx, Tenant, TenantState, TenantTx, tenants},
};

/// What a list of tenants is filtered by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<TenantState>,
    /// Only those created after this time.
    pub created_after: Option<Timestamp>,
}

/// The caller's own tenant.
///
/// # Errors
/// It has just been deleted, or the database fails.
pub async fn current(state: &AppState, scope: TenantScope) -> Result<Tenant, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    tenants::current(&mut tx).await?.ok_or(Error::NotFound)
}

/// The caller's own tenant, if it accepts writes.
///
/// # Errors
/// It is suspended or archived, or the database fails.
pub(super) async fn writable(tx: &mut TenantTx) -> Result<Tenant, Error> {
    let tenant = tenants::current(tx).await?.ok_or(Error::NotFound)?;
    match tenant.state {
        TenantState::Active => Ok(tenant),
        state @ (TenantState::Suspended | TenantState::Archived) => {
            Err(Error::TenantSuspended { slug: tenant.slug, state })
        }
    }
}

/// Any tenant, for the platform.
///
/// # Errors
/// There is no such tenant, or the database fails.
pub async fn get(state: &AppState, scope: PlatformScope, id: Uuid) -> Result<Tenant, Error> {
    let mut tx = PlatformTx::begin(&state.db, scope).await?;
    tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// A page of all tenants, for the platform.
///
/// # Errors
/// The cursor is of another list, or the database fails.
pub async fn list(
    state: &AppState,
    scope: PlatformScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<Tenant>, Error> {
    let Filter { state: of_state, created_after } = filter;
    let list = List::new(&state.cursors, None, "tenants", paging.order)
        .filtered("state", of_state)
        .filtered("createdAfter", created_after);
    let after = list.open(paging)?;
    let mut tx = PlatformTx::begin(&state.db, scope).await?;
    let query =
        tenants::Query { state: of_state, created_after, order: paging.order, after, limit: paging.limit };
    Ok(list.page(tenants::list(&mut tx, query).await?, paging.limit))
}
