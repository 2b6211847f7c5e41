//! Plans: nothing is made of one by itself; it is checked, and its tenants are counted.

mod status;

use std::sync::Arc;

use crds::Plan;
use domain::egress::Egress;
use kube::{Api, Resource as _, ResourceExt as _, runtime::controller::Action};

use crate::{api, context::Context, errors::Error, events::Note};

/// Checks a plan and writes what is seen of it.
pub(crate) async fn reconcile(ctx: Arc<Context>, plan: Arc<Plan>) -> Result<Action, Error> {
    let problem = problem_of(&plan, &ctx);
    let tenants = count_tenants(&ctx, &plan.name_any());
    let now = telemetry::clock::now();
    let Some(status) = status::build(&plan, problem.as_deref(), tenants, now) else {
        return Ok(Action::await_change());
    };
    let api: Api<Plan> = Api::all(ctx.client.clone());
    let status =
        serde_json::to_value(status).map_err(|source| Error::Encode { what: "a plan's status", source })?;
    api::apply_status(&api, &plan.name_any(), status).await?;
    if let Some(problem) = problem {
        ctx.events.tell(&plan.object_ref(&()), Note::warning("Check", status::INVALID, problem)).await;
    }
    Ok(Action::await_change())
}

fn problem_of(plan: &Plan, ctx: &Context) -> Option<String> {
    let egress = plan.spec.network.as_ref().map_or(&[][..], |network| &network.egress);
    Egress::parse(egress, &ctx.config.cluster_cidrs).err().map(|error| error.to_string())
}

fn count_tenants(ctx: &Context, plan: &str) -> u32 {
    let tenants = ctx.stores.tenants.state_filter(|tenant| tenant.spec.plan_ref.name == plan);
    u32::try_from(tenants.len()).unwrap_or(u32::MAX)
}
