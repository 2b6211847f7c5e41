//! Plans that tenants can subscribe to.

use crds::Quantity;
use serde_json::Value;
use uuid::Uuid;

use super::{
    App, Error,
    enum_names::{serde_name, upper_snake},
    page::{List, Page, Paging},
};
use crate::{
    auth::{PlatformScope, TenantScope},
    store::{Count, Plan, PlatformTx, TenantTx, plans},
};

/// Price of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// ISO 4217 currency code, such as `EUR`.
    pub currency: String,
    /// Amount in the currency's minor unit, such as cents.
    pub amount_minor: i64,
    /// Billing interval: `MONTH` or `YEAR`.
    pub interval: String,
}

/// Returns the price of a plan; `None` if the plan is free.
#[must_use]
pub fn price(plan: &Plan) -> Option<Price> {
    let crds::plan::Price { currency, amount_minor, interval } =
        serde_json::from_value(plan.price.clone()?).ok()?;
    Some(Price { currency, amount_minor, interval: upper_snake(&serde_name(&interval)) })
}

/// Returns a limit of a plan that is a number of bytes. The mirror accepts plans that the CustomResourceDefinition has
/// validated, so a limit that cannot be parsed was written by another version and limits nothing.
pub(super) fn limit_bytes(limits: &Value, name: &str) -> Option<u64> {
    let milli = Quantity::new(limits.get(name)?.as_str()?).to_milli().ok()?;
    u64::try_from(milli / 1000).ok()
}

/// Returns a page of all plans.
///
/// # Errors
/// Returns an error if the cursor belongs to another list or the database fails.
pub async fn list(app: &App, scope: TenantScope, paging: &Paging) -> Result<Page<Plan>, Error> {
    let list = List::new(&app.cursors, None, "plans", paging.order);
    let after = list.open(paging)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let query = plans::Query { order: paging.reading_order(), after, limit: paging.limit };
    Ok(list.page(plans::list(&mut tx, query).await?, paging))
}

/// Counts all plans.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(plans::count(&mut tx).await?)
}

/// Returns the plans with these names, in no particular order. Unknown names are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_by_names(app: &App, scope: TenantScope, names: &[String]) -> Result<Vec<Plan>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(plans::by_names(&mut tx, names).await?)
}

/// Returns the plans with these names for an administrator of the platform, in no particular order. Unknown names are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_by_names_for_platform(
    app: &App,
    scope: PlatformScope,
    names: &[String],
) -> Result<Vec<Plan>, Error> {
    let mut tx = PlatformTx::begin(&app.db, scope).await?;
    Ok(plans::by_names_for_platform(&mut tx, names).await?)
}

/// Returns the plans with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<Plan>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(plans::by_ids(&mut tx, ids).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A limit is read in bytes, and a plan without it limits nothing.
    #[test]
    fn a_limit_is_read_in_bytes() {
        assert_eq!(limit_bytes(&json!({"storageBytes": "5Gi"}), "storageBytes"), Some(5 << 30));
        assert_eq!(limit_bytes(&json!({"documents": 7}), "storageBytes"), None);
    }
}
