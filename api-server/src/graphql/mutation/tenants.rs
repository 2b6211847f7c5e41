//! Mutations of the caller's tenant.

use async_graphql::{Context, InputObject, Json, MaybeUndefined, Object, Result, SimpleObject};
use serde_json::Value;

use super::fields::{json, present, text};
use crate::{
    app::{self, tenants::Patch},
    graphql::{
        error::{UserError, user_errors},
        objects::Tenant,
        request::Caller,
    },
};

/// Mutations of the caller's tenant.
#[derive(Default)]
pub(super) struct TenantMutations;

/// Input of `updateTenant`. Absent fields stay, null removes a field, and settings are merged.
#[derive(InputObject)]
pub(super) struct UpdateTenantInput {
    /// Human-readable name of the tenant; at most 120 characters. Default: the slug.
    name: MaybeUndefined<String>,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`; at most 256 KiB. Default: `{}`.
    settings: MaybeUndefined<Json<Value>>,
    /// `generation` of the tenant that the change is based on. If the tenant was changed since, the mutation fails with the user
    /// error `PRECONDITION_FAILED`. Default: any.
    generation: Option<i32>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `updateTenant`.
#[derive(SimpleObject)]
pub(super) struct UpdateTenantPayload {
    /// The changed tenant. Null if there are user errors.
    tenant: Option<Tenant>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Mutations of the caller's tenant.
#[Object]
impl TenantMutations {
    /// Changes name and settings of the tenant of the authenticated user. Fields that another tool manages, such as Argo CD or
    /// kubectl, cannot be changed. Requires the permission `tenant.update`.
    ///
    /// User errors: `PRECONDITION_FAILED`, `MANAGED_BY_GITOPS`, `TENANT_SUSPENDED`; if the change is not valid, the codes of its
    /// errors with their fields.
    async fn update_tenant(
        &self,
        ctx: &Context<'_>,
        input: UpdateTenantInput,
    ) -> Result<UpdateTenantPayload> {
        let UpdateTenantInput { name, settings, generation, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let patch = Patch(present([("displayName", text(name)), ("settings", json(settings))]));
        let generation = generation.map(i64::from);
        let result = Box::pin(app::tenants::update_own(caller.app, tenant.scope, generation, patch)).await;
        let (tenant, user_errors) = match result {
            Ok(tenant) => (Some(tenant.into()), Vec::new()),
            Err(error) => (None, user_errors(error)?),
        };
        Ok(UpdateTenantPayload { tenant, user_errors, client_mutation_id })
    }
}
