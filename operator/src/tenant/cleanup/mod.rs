//! Cleanup after a deleted tenant: its data is retained, or deleted in steps. Each step can be repeated, and completes also if a
//! part of its work is done already, so the cleanup continues where it was interrupted.

mod access;
mod blocked;
mod data;
mod definition;
mod namespace;
mod ownership;
mod policy;
mod release;
mod runs;
mod status;
mod step;
mod vectors;

use std::time::Duration;

use crds::Tenant;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Resource as _, ResourceExt as _, runtime::controller::Action};

pub(super) use self::access::revoke_access;
use self::{
    ownership::{Ownership, ownership},
    policy::{DataPolicy, data_policy},
    step::{Progress, Step},
};
use super::apply::apply_status;
use crate::{api, context::Context, errors::Error, events::NewEvent, names::tenant_namespace};

/// Interval at which a namespace that is being deleted, or that does not belong to the tenant yet, is checked. The watch of
/// namespaces requests a reconcile of the tenant after the deletion; this interval covers an interruption of the watch, and
/// the status of the namespace, which is not watched.
pub(super) const NAMESPACE_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Reason for which the cleanup is not complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum CleanupError {
    /// A step is not complete. The status of the tenant says which.
    #[error("failed to complete the cleanup: a step is not complete")]
    Unfinished,
    /// A request failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Subject of a cleanup.
struct Subject<'a> {
    ctx: &'a Context,
    tenant: &'a Tenant,
    /// The tenant's namespace, unless it does not exist or belongs to another tenant.
    namespace: Option<Namespace>,
}

/// Cleans up after a tenant. The rest of its spec need not be valid, and what does not exist counts as deleted.
///
/// # Errors
/// Returns an error if a step is not complete yet, or if the API server cannot be reached or refuses a request.
pub(super) async fn clean_up(ctx: &Context, tenant: &Tenant) -> Result<Action, CleanupError> {
    let definition = definition::read(ctx, tenant).await?;
    let (namespace, unknown) = match find_namespace(ctx, tenant).await? {
        Ownership::Own(namespace) => (Some(*namespace), None),
        Ownership::Nothing => (None, None),
        Ownership::Unknown(message) => (None, Some(message)),
    };
    let subject = Subject { ctx, tenant, namespace };
    match (data_policy(tenant, definition), unknown) {
        (DataPolicy::Retain(reason), _) => retain(&subject, reason).await?,
        // No step is complete while it is unknown what belongs to the tenant.
        (DataPolicy::Delete, Some(message)) => {
            return Err(report(&subject, Step::StopRuns, &Progress::Blocked(message)).await);
        }
        (DataPolicy::Delete, None) => delete(&subject).await?,
    }
    Ok(Action::await_change())
}

async fn find_namespace(ctx: &Context, tenant: &Tenant) -> Result<Ownership, Error> {
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let namespace = api::get(&namespaces, &tenant_namespace(tenant)).await?;
    let is_tenant =
        |uid: &str| ctx.stores.tenants.find(|other| other.uid().as_deref() == Some(uid)).is_some();
    Ok(ownership(tenant, namespace, is_tenant))
}

/// Retains the namespace and the data of a tenant. The run controller ends the runs; nobody has access until the tenant is
/// restored.
async fn retain(subject: &Subject<'_>, reason: &str) -> Result<(), Error> {
    if subject.namespace.is_none() {
        return Ok(());
    }
    access::revoke(subject).await?;
    let name = tenant_namespace(subject.tenant);
    let uid = subject.tenant.uid().unwrap_or_default();
    let message = format!(
        "namespace {name} and the tenant's data are retained, since {reason}; a Tenant of the same name with the annotation \
         smbcopilot.dev/restore-from={uid} restores them"
    );
    publish(subject, NewEvent::normal("CleanUp", "DataRetained", message)).await;
    Ok(())
}

/// Deletes the data of a tenant, up to the first step that is not complete.
async fn delete(subject: &Subject<'_>) -> Result<(), CleanupError> {
    match first_unfinished(subject).await? {
        Some((step, progress)) => Err(report(subject, step, &progress).await),
        None => Ok(()),
    }
}

/// Writes the progress of a step into the status, and returns the error because of which the cleanup is repeated.
async fn report(subject: &Subject<'_>, step: Step, progress: &Progress) -> CleanupError {
    let Some((status, event)) = status::update(subject.tenant, step, progress, telemetry::clock::now())
    else {
        return CleanupError::Unfinished;
    };
    match apply_status(subject.ctx, subject.tenant, &status, event).await {
        Ok(_) => CleanupError::Unfinished,
        Err(error) => error.into(),
    }
}

async fn first_unfinished(subject: &Subject<'_>) -> Result<Option<(Step, Progress)>, Error> {
    for step in Step::ORDER {
        let progress = match step {
            Step::StopRuns => runs::stop(subject).await?,
            Step::RevokeAccess => access::revoke(subject).await?,
            Step::DeleteVectors => vectors::delete(subject).await,
            Step::DeleteData => data::delete(subject),
            Step::DeleteNamespace => namespace::delete(subject).await?,
        };
        if progress != Progress::Complete {
            return Ok(Some((step, progress)));
        }
    }
    Ok(None)
}

async fn publish(subject: &Subject<'_>, event: NewEvent) {
    subject.ctx.events.publish(&subject.tenant.object_ref(&()), event).await;
}
