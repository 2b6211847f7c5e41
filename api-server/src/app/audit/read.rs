//! Reading the audit log.

use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::{PlatformScope, TenantScope},
    store::{
        Count, Created, PlatformTx, Position, TenantTx,
        audit::{self, AuditEvent},
    },
};

/// Filters of a list of audit events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Email address of the actor.
    pub actor: Option<String>,
    /// Action, such as `workflow.run.create`.
    pub action: Option<String>,
    /// ID of the object.
    pub object: Option<Uuid>,
    /// Times at which the operations began.
    pub created: Created,
}

/// Returns a page of the audit events of a tenant.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<AuditEvent>, Error> {
    let list = filter.list(app, Some(scope.tenant_id()), paging);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(list.page(audit::list(&mut tx, filter.query(paging, after)).await?, paging))
}

/// Counts the audit events of a tenant that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope, filter: Filter) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(audit::count(&mut tx, filter.query(&Paging::default(), None)).await?)
}

/// Counts the audit events of the platform that a filter selects.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count_of_platform(app: &App, scope: PlatformScope, filter: Filter) -> Result<Count, Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok(audit::count_of_platform(&mut tx, filter.query(&Paging::default(), None)).await?)
}

/// Returns the audit events of a tenant with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<AuditEvent>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(audit::by_ids(&mut tx, ids).await?)
}

/// Returns the audit events of the platform with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many_of_platform(
    app: &App,
    scope: PlatformScope,
    ids: &[Uuid],
) -> Result<Vec<AuditEvent>, Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok(audit::by_ids_of_platform(&mut tx, ids).await?)
}

/// Returns a page of the audit events of the platform: of what its administrators do.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list_of_platform(
    app: &App,
    scope: PlatformScope,
    filter: Filter,
    paging: &Paging,
) -> Result<Page<AuditEvent>, Error> {
    let list = filter.list(app, None, paging);
    let after = list.open(paging)?;
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok(list.page(audit::list_of_platform(&mut tx, filter.query(paging, after)).await?, paging))
}

impl Filter {
    fn list(&self, app: &App, owner: Option<Uuid>, paging: &Paging) -> List {
        let Self { actor, action, object, created } = self;
        List::new(&app.cursors, owner, "audit-events", paging.order)
            .filtered("actor", actor.as_ref())
            .filtered("action", action.as_ref())
            .filtered("object", object.as_ref())
            .created(*created)
    }

    fn query(self, paging: &Paging, after: Option<Position>) -> audit::Query {
        let Self { actor, action, object, created } = self;
        let (order, limit) = (paging.reading_order(), paging.limit);
        audit::Query { actor, action, object, created, order, after, limit }
    }
}
