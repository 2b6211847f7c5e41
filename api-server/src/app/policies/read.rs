//! Reading policies.

use domain::policy::PolicySpec;
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{Count, Policy, TenantTx, policies},
};

/// Returns a page of the tenant's policies.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(app: &App, scope: TenantScope, paging: &Paging) -> Result<Page<Policy>, Error> {
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "policies", paging.order);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let query = policies::Query { order: paging.reading_order(), after, limit: paging.limit };
    Ok(list.page(policies::list(&mut tx, query).await?, paging))
}

/// Counts the tenant's policies.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(policies::count(&mut tx).await?)
}

/// Returns a policy.
///
/// # Errors
/// Returns an error if the tenant has no such policy or the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<Policy, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    policies::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the policies with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<Policy>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(policies::by_ids(&mut tx, ids).await?)
}

/// Returns a policy as it was written; `None` if another release has written it and this one cannot read it.
#[must_use]
pub fn spec_of(policy: &Policy) -> Option<PolicySpec> {
    let Policy { effect, actions, resources, conditions, .. } = policy;
    let spec =
        json!({"effect": effect, "actions": actions, "resources": resources, "conditions": conditions});
    serde_json::from_value(spec).ok()
}
