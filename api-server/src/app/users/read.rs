//! Reading users.

use domain::identity::Email;
use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{Count, Created, TenantTx, User, UserStatus, users},
};

/// Filters of a list of users.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Status of the users.
    pub status: Option<UserStatus>,
    /// Role that the users have.
    pub role: Option<String>,
    /// Address, in any spelling.
    pub email: Option<String>,
    /// Creation times.
    pub created: Created,
}

/// Returns a user of the tenant.
///
/// # Errors
/// Returns an error if there is no such user, or if the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<User, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    users::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the users of the tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<User>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(users::by_ids(&mut tx, ids).await?)
}

/// Returns a page of the users of the tenant.
///
/// # Errors
/// Returns an error if the cursor belongs to another list, or if the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<User>, Error> {
    let query = query(filter);
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "users", paging.order)
        .filtered("status", query.status)
        .filtered("role", query.role.as_ref())
        .filtered("email", query.email_key.as_ref())
        .created(query.created);
    let after = list.open(paging)?;
    let query = users::Query { order: paging.reading_order(), after, limit: paging.limit, ..query };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(list.page(users::list(&mut tx, query).await?, paging))
}

/// Counts the users of the tenant that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope, filter: Filter) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(users::count(&mut tx, query(filter)).await?)
}

fn query(filter: Filter) -> users::Query {
    let Filter { status, role, email, created } = filter;
    // A text that is not an address is that of nobody.
    let key = |email: String| Email::parse(&email).map_or(String::new(), |email| email.key().to_owned());
    users::Query { status, role, email_key: email.map(key), created, ..Default::default() }
}
