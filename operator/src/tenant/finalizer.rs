//! Our mark on a Tenant: it goes only after we have cleaned up.

use crds::{Tenant, labels};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    api::failed,
    context::Context,
    errors::{Error, Verb},
};

/// Puts it there before the first child is made.
///
/// # Errors
/// Somebody else wrote meanwhile, or the API server refuses it.
pub(super) async fn ensure(ctx: &Context, tenant: &Tenant) -> Result<(), Error> {
    if has(tenant) {
        return Ok(());
    }
    let mut finalizers = tenant.finalizers().to_vec();
    finalizers.push(labels::FINALIZER.to_owned());
    write(ctx, tenant, &finalizers).await
}

/// Takes it away; the Tenant goes when the last one is away.
///
/// # Errors
/// Somebody else wrote meanwhile, or the API server refuses it.
pub(super) async fn remove(ctx: &Context, tenant: &Tenant) -> Result<(), Error> {
    let others = tenant.finalizers().iter().filter(|finalizer| *finalizer != labels::FINALIZER);
    write(ctx, tenant, &others.cloned().collect::<Vec<_>>()).await
}

/// Whether it is there.
pub(super) fn has(tenant: &Tenant) -> bool {
    tenant.finalizers().iter().any(|finalizer| finalizer == labels::FINALIZER)
}

async fn write(ctx: &Context, tenant: &Tenant, finalizers: &[String]) -> Result<(), Error> {
    let name = tenant.name_any();
    let api: Api<Tenant> = Api::all(ctx.client.clone());
    let patch = json!({"metadata": {"resourceVersion": tenant.resource_version(), "finalizers": finalizers}});
    match api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(failed(Verb::Patch, &api, &name)(error)),
    }
}
