//! State of the CustomResourceDefinition of tenants.

use crds::{Tenant, tenant::DeletionPolicy};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, CustomResourceExt as _, core::PartialObjectMeta};

use super::policy::Definition;
use crate::{
    api::failed,
    context::Context,
    errors::{Error, Verb},
};

/// Returns the state of the definition of tenants. It matters only for a tenant whose data may be deleted.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(super) async fn read(ctx: &Context, tenant: &Tenant) -> Result<Definition, Error> {
    if tenant.spec.deletion_policy.unwrap_or_default() == DeletionPolicy::Retain {
        return Ok(Definition::Present);
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(ctx.client.clone());
    let name = Tenant::crd_name();
    let definition: Option<PartialObjectMeta<CustomResourceDefinition>> =
        definitions.get_metadata_opt(name).await.map_err(failed(Verb::Get, &definitions, name))?;
    let is_present = definition.is_some_and(|definition| definition.metadata.deletion_timestamp.is_none());
    Ok(if is_present { Definition::Present } else { Definition::Deleted })
}
