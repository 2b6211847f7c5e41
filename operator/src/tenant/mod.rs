//! Controller of tenants: sets up a namespace for each, whose network is closed except for what the plan allows.

mod apply;
mod build;
mod cleanup;
mod drain;
mod fetch;
mod finalizer;
pub(crate) mod object_counts;
mod orphans;
mod policy;
mod purge;
mod status;
mod sweep;
mod usage;
mod validate;
pub(crate) mod vectors;

use std::{collections::BTreeSet, future, sync::Arc, time::Duration};

use crds::Tenant;
use kube::{ResourceExt as _, runtime::controller::Action};

pub(crate) use self::{
    orphans::sweep as sweep_orphans,
    policy::PolicyState,
    usage::{RunUsage, Usage},
};
use self::{purge::Purge, status::Outcome, validate::Validated};
use crate::{
    context::Context,
    errors::{Class, Error, chain},
    tenant_user,
    watch::Stores,
};

/// Interval at which a tenant is reconciled although nothing has changed. It covers a change that a watch has missed, and costs
/// no request if nothing has changed.
const RESYNC_INTERVAL: Duration = Duration::from_secs(3600);

/// Sets up a tenant, or cleans up after a deleted one.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn reconcile(ctx: Arc<Context>, tenant: Arc<Tenant>) -> Result<Action, Error> {
    if tenant.metadata.deletion_timestamp.is_some() {
        ctx.children.forget_deleted(&tenant.name_any());
        return finalizer::with_finalizer(&ctx, tenant, |_| future::ready(Ok(Action::await_change()))).await;
    }
    let fetched = fetch::fetch(&ctx, Arc::clone(&tenant)).await?;
    match validate::validate(&fetched, &ctx.config) {
        Ok(validated) => {
            finalizer::with_finalizer(&ctx, tenant, |tenant| set_up(&ctx, tenant, &validated)).await
        }
        Err(refusal) => {
            let interval = match refusal {
                // No watch shows a namespace that does not have the label of a tenant.
                validate::Refusal::NamespaceConflict(_) => cleanup::NAMESPACE_CHECK_INTERVAL,
                _ => RESYNC_INTERVAL,
            };
            write_status(&ctx, &tenant, &Outcome::Refused(refusal)).await?;
            Ok(Action::requeue(interval))
        }
    }
}

async fn set_up(ctx: &Context, tenant: Arc<Tenant>, validated: &Validated) -> Result<Action, Error> {
    let children = build::children(validated, &ctx.config)?;
    let tenant = match apply::apply_children(ctx, &tenant, children).await {
        Ok(applied) => write_status(ctx, &tenant, &Outcome::Applied(applied, validated)).await?,
        Err(error) => {
            if matches!(error.class(), Class::Invalid | Class::Bug | Class::SetAside) {
                let refusal = validate::Refusal::ApplyFailed(chain(&error));
                write_status(ctx, &tenant, &Outcome::Refused(refusal)).await?;
            }
            return Err(error);
        }
    };
    match purge::decide(&tenant, telemetry::clock::now()) {
        Purge::Never => Ok(Action::requeue(RESYNC_INTERVAL)),
        Purge::In(time_left) => Ok(Action::requeue(RESYNC_INTERVAL.min(time_left))),
        Purge::Due => apply::purge(ctx, &tenant).await.map(|()| Action::await_change()),
    }
}

fn users_of_others(stores: &Stores, tenant: &Tenant) -> BTreeSet<u32> {
    let tenants = stores.tenants.state();
    let others = tenants.iter().filter(|other| other.metadata.uid != tenant.metadata.uid);
    others.filter_map(|other| other.status.as_ref()?.run_as_user).collect()
}

/// Writes the status if it has changed, and returns the tenant as it is stored.
async fn write_status(
    ctx: &Context,
    tenant: &Arc<Tenant>,
    outcome: &Outcome<'_>,
) -> Result<Arc<Tenant>, Error> {
    let user = tenant_user::choose(tenant, &users_of_others(&ctx.stores, tenant));
    match status::update(tenant, outcome, user, telemetry::clock::now()) {
        Some((status, events)) => apply::apply_status(ctx, tenant, &status, events).await.map(Arc::new),
        None => Ok(Arc::clone(tenant)),
    }
}
