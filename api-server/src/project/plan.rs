//! Projects a plan to its row.

use serde_json::json;

use super::{Malformed, Object, PlanRow, meta, text::storable};

pub(super) fn project(object: &Object, plan: crds::Plan) -> Result<PlanRow, Malformed> {
    let name = &object.identity.name;
    Ok(PlanRow {
        meta: meta::project(object, plan.metadata)?,
        display_name: storable(plan.spec.display_name.unwrap_or_else(|| name.clone())),
        price: object.optional("/spec/price"),
        features: plan.spec.features.into_iter().map(storable).collect(),
        limits: object.optional("/spec/limits").unwrap_or_else(|| json!({})),
        spec: object.part("/spec"),
        status: object.optional("/status").unwrap_or_else(|| json!({})),
    })
}
