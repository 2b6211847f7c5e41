//! What becomes of a deleted tenant's namespace: kept, or deleted with all that is in it.

use std::time::Duration;

use crds::{Tenant, labels, tenant::DeletionPolicy};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Resource as _, ResourceExt as _, runtime::controller::Action};

use super::finalizer;
use crate::{api, context::Context, errors::Error, events::Note};

/// The namespace's watch says when it is gone; this is for the case that it is interrupted.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Cleans up after a tenant, whatever its spec says otherwise. "Already gone" is success.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(super) async fn clean_up(ctx: &Context, tenant: &Tenant) -> Result<Action, Error> {
    if !finalizer::has(tenant) {
        return Ok(Action::await_change());
    }
    let name = super::namespace_name(tenant);
    match tenant.spec.deletion_policy.unwrap_or_default() {
        DeletionPolicy::Retain => {
            let text =
                format!("namespace {name} and the tenant's data are kept: spec.deletionPolicy is Retain");
            ctx.events.tell(&tenant.object_ref(&()), Note::normal("CleanUp", "DataRetained", text)).await;
        }
        DeletionPolicy::Delete => {
            if !namespace_is_gone(ctx, tenant, &name).await? {
                return Ok(Action::requeue(LOOK_AGAIN));
            }
        }
    }
    finalizer::remove(ctx, tenant).await?;
    Ok(Action::await_change())
}

async fn namespace_is_gone(ctx: &Context, tenant: &Tenant, name: &str) -> Result<bool, Error> {
    let namespaces: Api<Namespace> = Api::all(ctx.client.clone());
    let Some(namespace) = api::get(&namespaces, name).await? else { return Ok(true) };
    let owner = namespace.annotations().get(labels::TENANT_UID);
    if owner.is_none() || owner != tenant.uid().as_ref() {
        return Ok(true);
    }
    if namespace.metadata.deletion_timestamp.is_none() {
        let text =
            format!("namespace {name} is deleted with all that is in it: spec.deletionPolicy is Delete");
        ctx.events.tell(&tenant.object_ref(&()), Note::normal("CleanUp", "DeletingNamespace", text)).await;
        api::delete(&namespaces, name, namespace.uid().as_deref()).await?;
    }
    Ok(false)
}
