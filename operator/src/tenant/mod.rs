//! Controller of tenants: sets up a namespace for each, whose network is closed except for what the plan allows.

mod apply;
mod build;
mod cleanup;
mod fetch;
mod finalizer;
mod object_counts;
mod status;
mod validate;

use std::{collections::BTreeSet, future, sync::Arc, time::Duration};

use crds::Tenant;
use kube::runtime::controller::Action;

use self::{status::Outcome, validate::Validated};
use crate::{
    context::Context,
    errors::{Class, Error, chain},
    tenant_user,
    watch::Stores,
};

/// Interval at which children are applied again, to cover changes that no watch shows: the addresses of the
/// API server.
const RESYNC_INTERVAL: Duration = Duration::from_secs(600);
/// Interval at which children are applied again while the number of runs and workflows cannot be limited yet.
const COUNTS_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Sets up a tenant, or cleans up after a deleted one.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn reconcile(ctx: Arc<Context>, tenant: Arc<Tenant>) -> Result<Action, Error> {
    if tenant.metadata.deletion_timestamp.is_some() {
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
                validate::Refusal::NamespaceNotOurs(_) => cleanup::NAMESPACE_CHECK_INTERVAL,
                _ => RESYNC_INTERVAL,
            };
            write_status(&ctx, &tenant, &Outcome::Refused(refusal)).await?;
            Ok(Action::requeue(interval))
        }
    }
}

async fn set_up(ctx: &Context, tenant: Arc<Tenant>, validated: &Validated) -> Result<Action, Error> {
    let children = build::children(validated, &ctx.config)?;
    match apply::apply_children(&ctx.client, children).await {
        Ok(applied) => write_status(ctx, &tenant, &Outcome::Applied(applied, validated)).await?,
        Err(error) => {
            if matches!(error.class(), Class::Invalid | Class::Bug | Class::SetAside) {
                let refusal = validate::Refusal::ApplyFailed(chain(&error));
                write_status(ctx, &tenant, &Outcome::Refused(refusal)).await?;
            }
            return Err(error);
        }
    }
    Ok(Action::requeue(if validated.counts_objects { RESYNC_INTERVAL } else { COUNTS_CHECK_INTERVAL }))
}

fn users_of_others(stores: &Stores, tenant: &Tenant) -> BTreeSet<u32> {
    let tenants = stores.tenants.state();
    let others = tenants.iter().filter(|other| other.metadata.uid != tenant.metadata.uid);
    others.filter_map(|other| other.status.as_ref()?.run_as_user).collect()
}

async fn write_status(ctx: &Context, tenant: &Tenant, outcome: &Outcome<'_>) -> Result<(), Error> {
    let user = tenant_user::choose(tenant, &users_of_others(&ctx.stores, tenant));
    match status::update(tenant, outcome, user, telemetry::clock::now()) {
        Some((status, event)) => apply::apply_status(ctx, tenant, &status, event).await,
        None => Ok(()),
    }
}
