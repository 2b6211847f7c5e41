//! Reading tenants.

use uuid::Uuid;

use crate::{
    app::{
        App, Error, Reservation,
        page::{List, Page, Paging},
        reservation::COPIES,
    },
    auth::{PlatformScope, TenantScope},
    store::{
        Count, Created, PlatformTx, Tenant, TenantState, TenantToWrite, TenantTx,
        tenants::{self, TenantColumns},
    },
};

/// Filters of a list of tenants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// State of the tenants.
    pub state: Option<TenantState>,
    /// Creation times of the tenants.
    pub created: Created,
}

/// Returns the caller's tenant, and the memory that it takes.
///
/// # Errors
/// Returns an error if the tenant has just been deleted, if the memory is not free in time, or if the database fails.
pub async fn current(app: &App, scope: TenantScope) -> Result<(Tenant, Reservation), Error> {
    let (small, inline) = Reservation::small_content(app, scope).await;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    if let Some(tenant) = tenants::current_with_settings(&mut tx, inline).await? {
        return Ok((tenant, small));
    }
    let size = tenants::settings_size(&mut tx).await?;
    // Neither the connection nor memory is held while the request waits for more memory.
    drop((tx, small));
    let reservation = Reservation::default();
    reservation.add_object(app, scope, size, COPIES).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let tenant = tenants::current(&mut tx).await?.ok_or(Error::NotFound)?;
    Ok((tenant, reservation))
}

/// Returns the caller's tenant if it accepts writes in its namespace.
///
/// # Errors
/// Returns an error if the tenant is suspended or archived or not set up in the namespace, or the database fails.
pub(in crate::app) async fn writable(tx: &mut TenantTx) -> Result<TenantToWrite, Error> {
    let tenant = active(tx).await?;
    match tenant.is_set_up {
        true => Ok(tenant),
        false => Err(Error::TenantNotReady { slug: tenant.slug, namespace: tenant.namespace }),
    }
}

/// Returns the namespace in which the caller's tenant is set up.
///
/// # Errors
/// Returns an error if the tenant is not set up in the namespace that it names, or the database fails.
pub(in crate::app) async fn own_namespace(tx: &mut TenantTx) -> Result<String, Error> {
    let tenant = tenants::to_write(tx).await?.ok_or(Error::NotFound)?;
    match tenant.is_set_up {
        true => Ok(tenant.namespace),
        false => Err(Error::TenantNotReady { slug: tenant.slug, namespace: tenant.namespace }),
    }
}

/// Returns the caller's tenant if it is active.
///
/// # Errors
/// Returns an error if the tenant is suspended or archived or the database fails.
pub(in crate::app) async fn active(tx: &mut TenantTx) -> Result<TenantToWrite, Error> {
    let tenant = tenants::to_write(tx).await?.ok_or(Error::NotFound)?;
    match tenant.state {
        TenantState::Active => Ok(tenant),
        state @ (TenantState::Suspended | TenantState::Archived) => {
            Err(Error::TenantSuspended { slug: tenant.slug, state })
        }
    }
}

/// Returns any tenant, and the memory that it takes.
///
/// # Errors
/// Returns an error if there is no such tenant, if its settings are too large for one response, if the memory for them is not free in
/// time, or if the database fails.
pub async fn get(app: &App, scope: PlatformScope, id: Uuid) -> Result<(Tenant, Reservation), Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    let size = tenants::size(&mut tx, id).await?.ok_or(Error::NotFound)?;
    drop(tx);
    let reservation = Reservation::of_platform(app, size).await?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok((tenants::get(&mut tx, id).await?.ok_or(Error::NotFound)?, reservation))
}

/// Returns the tenants with these IDs, in no particular order, and the memory that they take. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the settings are too large for one response, if the memory for them is not free in time, or if the
/// database fails.
pub async fn get_many(
    app: &App,
    scope: PlatformScope,
    ids: &[Uuid],
) -> Result<(Vec<Tenant>, Reservation), Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    let size = tenants::size_of_many(&mut tx, ids).await?;
    drop(tx);
    let reservation = Reservation::of_platform(app, size).await?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok((tenants::by_ids(&mut tx, ids).await?, reservation))
}

/// Returns a page of all tenants with these columns, and the memory that it takes.
///
/// # Errors
/// Returns an error if the cursor belongs to another list, if the settings are too large for one response, if the memory for them
/// is not free in time, or if the database fails.
pub async fn list(
    app: &App,
    scope: PlatformScope,
    filter: Filter,
    paging: &Paging,
    columns: TenantColumns,
) -> Result<(Page<Tenant>, Reservation), Error> {
    let Filter { state: of_state, created } = filter;
    let list =
        List::new(&app.cursors, None, "tenants", paging.order).filtered("state", of_state).created(created);
    let after = list.open(paging)?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    let query = tenants::Query {
        state: of_state,
        created,
        order: paging.reading_order(),
        after,
        limit: paging.limit,
        columns,
    };
    if columns == TenantColumns::Small {
        return Ok((list.page(tenants::list(&mut tx, query).await?, paging), Reservation::default()));
    }
    let size = tenants::list_size(&mut tx, query).await?;
    // The connection is released before the wait for memory.
    drop(tx);
    let reservation = Reservation::of_platform(app, size).await?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok((list.page(tenants::list(&mut tx, query).await?, paging), reservation))
}

/// Counts all tenants that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: PlatformScope, filter: Filter) -> Result<Count, Error> {
    let Filter { state, created } = filter;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok(tenants::count(&mut tx, tenants::Query { state, created, ..Default::default() }).await?)
}
