//! Controller of plans: validates a plan and counts its tenants. No objects are created for a plan.

mod status;

use std::sync::Arc;

use crds::Plan;
use domain::egress::Egress;
use ipnet::IpNet;
use kube::{Api, Resource as _, ResourceExt as _, runtime::controller::Action};

use crate::{api, context::Context, errors::Error, events::NewEvent, watch::Stores};

/// Validates a plan and writes its status.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the status.
pub(crate) async fn reconcile(ctx: Arc<Context>, plan: Arc<Plan>) -> Result<Action, Error> {
    let problem = egress_problem(&plan, &ctx.config.cluster_cidrs);
    let tenants = count_tenants(&ctx.stores, &plan.name_any());
    let now = telemetry::clock::now();
    let Some(status) = status::build(&plan, problem.as_deref(), tenants, now) else {
        return Ok(Action::await_change());
    };
    let api: Api<Plan> = Api::all(ctx.client.clone());
    api::apply_status(&api, &plan.name_any(), &status).await?;
    if let Some(problem) = problem {
        let event = NewEvent::warning("Check", status::EGRESS_INVALID, problem);
        ctx.events.publish(&plan.object_ref(&()), event).await;
    }
    Ok(Action::await_change())
}

fn egress_problem(plan: &Plan, cluster_cidrs: &[IpNet]) -> Option<String> {
    let egress = plan.spec.network.as_ref().map_or(&[][..], |network| &network.egress);
    Egress::parse(egress, cluster_cidrs).err().map(|error| error.to_string())
}

fn count_tenants(stores: &Stores, plan: &str) -> u32 {
    let tenants = stores.tenants.state_filter(|tenant| tenant.spec.plan_ref.name == plan);
    u32::try_from(tenants.len()).unwrap_or(u32::MAX)
}
