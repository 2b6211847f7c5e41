//! Controller of tenants' vector storage. It has its own workers and its own part of the status, so that a slow or missing
//! vector database delays nothing else.

mod apply;
mod plan;
mod remove;
mod status;

use std::{sync::Arc, time::Duration};

use crds::{Plan, Tenant, tenant::TenantVectors};
use kube::{ResourceExt as _, runtime::controller::Action};

pub(super) use remove::{RemovalError, remove_vectors};

use self::status::{Outcome, Retry};
use crate::{
    api, backoff,
    context::Context,
    errors::{Class, Error},
    state::{Fingerprint, VECTOR_CHECK_INTERVAL},
};

/// Time limit of one tenant's set-up: six requests, and less than the time limit of a reconcile, after which the tenant would
/// be set aside.
const SET_UP_TIMEOUT: Duration = Duration::from_secs(20);

/// Sets up the vector storage of a tenant. The cleanup of a deleted tenant removes it.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request. A failure of the vector database is no error:
/// it is in the condition, and the set-up is repeated.
pub(crate) async fn reconcile(ctx: Arc<Context>, tenant: Arc<Tenant>) -> Result<Action, Error> {
    let uid = tenant.uid().unwrap_or_default();
    if tenant.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let Some(plan) = ctx.stores.plan_of(&tenant) else { return Ok(Action::await_change()) };
    let fingerprint = Fingerprint::new(&tenant, &plan);
    if let Some(next) = ctx.verified_vectors.next_check(&tenant, &fingerprint) {
        return Ok(Action::requeue(next));
    }
    let (outcome, names, tenant) = set_up(&ctx, tenant, &plan).await?;
    let retry = outcome.retry();
    write_status(&ctx, &tenant, names, &outcome).await?;
    match retry {
        Retry::AtCheck => {
            ctx.vector_failures.record_success(&uid);
            ctx.verified_vectors.record(&uid, fingerprint);
            Ok(Action::requeue(VECTOR_CHECK_INTERVAL))
        }
        Retry::WithBackoff => {
            let failures = ctx.vector_failures.record_failure(uid);
            Ok(Action::requeue(backoff::delay(Class::Transient, failures, rand::random())))
        }
    }
}

/// Sets up the vector storage. Returns the outcome, the names to save with it, and the tenant as it is stored.
async fn set_up(
    ctx: &Context,
    tenant: Arc<Tenant>,
    plan: &Plan,
) -> Result<(Outcome, Option<TenantVectors>, Arc<Tenant>), Error> {
    let Some(database) = &ctx.vectors else { return Ok((Outcome::NotConfigured, None, tenant)) };
    let desired = match plan::desired(&tenant, plan, &database.installation) {
        Ok(desired) => desired,
        Err(refusal) => return Ok((Outcome::Refused(refusal), None, tenant)),
    };
    let names = Some(desired.names());
    // The name of a shared collection depends on the model alone. Those of a dedicated one are saved before they are used.
    let saved = tenant.status.as_ref().and_then(|status| status.vectors.as_ref());
    let tenant = if desired.alias.is_some() && saved != names.as_ref() {
        write_status(ctx, &tenant, names.clone(), &Outcome::SettingUp).await?.unwrap_or(tenant)
    } else {
        tenant
    };
    let applied = apply::apply(database, &desired);
    let outcome = match tokio::time::timeout(SET_UP_TIMEOUT, applied).await {
        Ok(Ok(applied)) => Outcome::Ready(applied),
        Ok(Err(error)) => Outcome::Failed(error),
        Err(_) => Outcome::TimedOut(SET_UP_TIMEOUT),
    };
    Ok((outcome, names, tenant))
}

/// Writes the condition and, with `names`, the names of the vector storage, unless the tenant has them already. Returns the
/// tenant if it was written.
async fn write_status(
    ctx: &Context,
    tenant: &Tenant,
    names: Option<TenantVectors>,
    outcome: &Outcome,
) -> Result<Option<Arc<Tenant>>, Error> {
    match status::update(tenant, names, outcome, telemetry::clock::now()) {
        Some(status) => {
            api::apply_vector_status(&ctx.client, tenant, &status).await.map(|tenant| Some(Arc::new(tenant)))
        }
        None => Ok(None),
    }
}
