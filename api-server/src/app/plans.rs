//! Plans: what there is to choose from.

use uuid::Uuid;

use super::{
    Error,
    case::upper_snake,
    page::{List, Page, Paging},
};
use crate::{
    auth::TenantScope,
    state::AppState,
    store::{Plan, TenantTx, plans},
};

/// What a plan costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// ISO 4217, such as `EUR`.
    pub currency: String,
    /// In the currency's minor unit (cents).
    pub amount_minor: i64,
    /// How often it is due: `MONTH` or `YEAR`.
    pub interval: String,
}

/// What a plan costs, if anything.
#[must_use]
pub fn price(plan: &Plan) -> Option<Price> {
    let crds::plan::Price { currency, amount_minor, interval } =
        serde_json::from_value(plan.price.clone()?).ok()?;
    Some(Price { currency, amount_minor, interval: upper_snake(&format!("{interval:?}")) })
}

/// A page of all plans.
///
/// # Errors
/// The cursor is of another list, or the database fails.
pub async fn list(state: &AppState, scope: TenantScope, paging: &Paging) -> Result<Page<Plan>, Error> {
    let list = List::new(&state.cursors, None, "plans", paging.order);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    let query = plans::Query { order: paging.order, after, limit: paging.limit };
    Ok(list.page(plans::list(&mut tx, query).await?, paging.limit))
}

/// One plan.
///
/// # Errors
/// There is no such plan, or the database fails.
pub async fn get(state: &AppState, scope: TenantScope, id: Uuid) -> Result<Plan, Error> {
    let mut tx = TenantTx::begin(&state.db, scope).await?;
    plans::by_ids(&mut tx, &[id]).await?.pop().ok_or(Error::NotFound)
}
