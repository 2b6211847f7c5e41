//! Cleanup after a deleted tenant: its namespace is retained, or deleted with everything in it.

use std::time::Duration;

use crds::{Tenant, labels, tenant::DeletionPolicy};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Resource as _, ResourceExt as _, runtime::controller::Action};

use crate::{api, context::Context, errors::Error, events::NewEvent, names::tenant_namespace};

/// Interval at which a namespace that is being deleted, or that does not belong to the tenant yet, is checked. The watch of
/// namespaces requests a reconcile of the tenant after the deletion; this interval covers an interruption of the watch.
pub(super) const NAMESPACE_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Reason for which the cleanup is not complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum CleanupError {
    /// The namespace is still being deleted.
    #[error("failed to complete the cleanup: the namespace is still being deleted")]
    NamespaceTerminating,
    /// A request failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Cleans up after a tenant. The rest of its spec need not be valid, and a namespace that does not exist counts as deleted.
///
/// # Errors
/// Returns an error if the namespace still exists and must be deleted, or if the API server cannot be reached or refuses a
/// request.
pub(super) async fn clean_up(ctx: &Context, tenant: &Tenant) -> Result<Action, CleanupError> {
    let name = tenant_namespace(tenant);
    match tenant.spec.deletion_policy.unwrap_or_default() {
        DeletionPolicy::Retain => {
            let message =
                format!("namespace {name} and the tenant's data are retained: spec.deletionPolicy is Retain");
            let event = NewEvent::normal("CleanUp", "DataRetained", message);
            ctx.events.publish(&tenant.object_ref(&()), event).await;
            Ok(Action::await_change())
        }
        DeletionPolicy::Delete => {
            delete_namespace(ctx, tenant, &name).await?;
            Ok(Action::await_change())
        }
    }
}

/// Deletes the namespace of a tenant, unless it belongs to another one.
async fn delete_namespace(ctx: &Context, tenant: &Tenant, name: &str) -> Result<(), CleanupError> {
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let Some(namespace) = api::get(&namespaces, name).await? else { return Ok(()) };
    let owner = namespace.annotations().get(labels::TENANT_UID);
    if owner.is_none() || owner != tenant.uid().as_ref() {
        return Ok(());
    }
    if namespace.metadata.deletion_timestamp.is_none() {
        let message =
            format!("namespace {name} is deleted with everything in it: spec.deletionPolicy is Delete");
        let event = NewEvent::normal("CleanUp", "DeletingNamespace", message);
        ctx.events.publish(&tenant.object_ref(&()), event).await;
        api::delete(&namespaces, name, namespace.uid().as_deref()).await?;
    }
    Err(CleanupError::NamespaceTerminating)
}
