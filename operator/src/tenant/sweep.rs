//! Deletion of children that the operator does not build any more, such as those of an older version.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    state::ChildKey,
};

/// Deletes the children in a tenant's namespace that the operator has applied and does not build any more. An object with the
/// same labels that the operator has not applied is left alone.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn delete_obsolete(
    ctx: &Context,
    slug: &str,
    namespace: &str,
    built: &BTreeSet<ChildKey>,
) -> Result<(), Error> {
    for (key, uid) in ctx.children.of_tenant(slug) {
        if key.namespace == namespace && !built.contains(&key) {
            delete(ctx, &key, &uid).await?;
        }
    }
    Ok(())
}

async fn delete(ctx: &Context, key: &ChildKey, uid: &str) -> Result<(), Error> {
    let ChildKey { kind, namespace, name } = key;
    tracing::info!(%kind, object.namespace = namespace, object.name = name, "deleting a child that is not built any more");
    let (client, uid) = (&ctx.client, Some(uid));
    match kind.as_ref() {
        "NetworkPolicy" => api::delete::<NetworkPolicy>(&within(client, namespace), name, uid).await,
        "RoleBinding" => api::delete::<RoleBinding>(&within(client, namespace), name, uid).await,
        "ResourceQuota" => api::delete::<ResourceQuota>(&within(client, namespace), name, uid).await,
        "LimitRange" => api::delete::<LimitRange>(&within(client, namespace), name, uid).await,
        "ServiceAccount" => api::delete::<ServiceAccount>(&within(client, namespace), name, uid).await,
        "ConfigMap" => api::delete::<ConfigMap>(&within(client, namespace), name, uid).await,
        _ => Ok(()),
    }
}
