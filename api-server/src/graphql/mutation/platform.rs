//! Mutations of all tenants, for administrators of the platform.

use async_graphql::{Context, ID, InputObject, Json, MaybeUndefined, Object, Result, SimpleObject};
use serde_json::{Value, json};

use super::{
    fields::{json, present, text},
    runs::parse_key,
};
use crate::{
    app::{
        self,
        tenants::{Create, Patch, StateChange},
    },
    graphql::{
        error::{UserError, user_errors},
        global_id::Kind,
        objects::Tenant,
        request::Caller,
    },
};

/// Mutations of all tenants.
#[derive(Default)]
pub(super) struct PlatformMutations;

/// Input of `createTenant`.
#[derive(InputObject)]
pub(super) struct CreateTenantInput {
    /// Name of the tenant in tokens and in Kubernetes: 1 to 40 lower-case letters, digits and hyphens. It cannot be changed.
    slug: String,
    /// Human-readable name of the tenant; at most 120 characters. Default: the slug.
    name: Option<String>,
    /// Name of the tenant's plan.
    plan: String,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`; at most 256 KiB. Default: `{}`.
    settings: Option<Json<Value>>,
    /// Idempotency key, 1 to 255 bytes, valid for as long as the tenant exists. A retry with the same key returns the tenant that
    /// the first request has created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key
    /// for another tenant fails with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `updateAnyTenant`. Absent fields stay, null removes a field, and settings are merged.
#[derive(InputObject)]
pub(super) struct UpdateAnyTenantInput {
    /// ID of the tenant.
    tenant_id: ID,
    /// Human-readable name of the tenant; at most 120 characters. Default: the slug.
    name: MaybeUndefined<String>,
    /// Name of the tenant's plan.
    plan: MaybeUndefined<String>,
    /// JSON object that expressions of the tenant's workflows read as `tenant.settings`; at most 256 KiB. Default: `{}`.
    settings: MaybeUndefined<Json<Value>>,
    /// `generation` of the tenant that the change is based on. If the tenant was changed since, the mutation fails with the user
    /// error `PRECONDITION_FAILED`. Default: any.
    generation: Option<i32>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Defines the payload of a mutation, and how it is built from the result of the use case.
macro_rules! payload {
    ($(#[$doc:meta])* $payload:ident $(#[$tenant_doc:meta])*) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub(super) struct $payload {
            $(#[$tenant_doc])*
            tenant: Option<Tenant>,
            /// Errors that the caller can fix. Empty if the mutation succeeded.
            user_errors: Vec<UserError>,
            /// `clientMutationId` of the input.
            client_mutation_id: Option<String>,
        }

        impl $payload {
            fn new<T: Into<Tenant>>(result: Result<T, app::Error>, client_mutation_id: Option<String>) -> Result<Self> {
                let (tenant, user_errors) = match result {
                    Ok(tenant) => (Some(tenant.into()), Vec::new()),
                    Err(error) => (None, user_errors(error)?),
                };
                Ok(Self { tenant, user_errors, client_mutation_id })
            }
        }
    };
}

/// Defines the input and the payload of a mutation that changes the state of a tenant.
macro_rules! state_change {
    ($(#[$input_doc:meta])* $input:ident $(#[$doc:meta])* $payload:ident $(#[$tenant_doc:meta])*) => {
        $(#[$input_doc])*
        #[derive(InputObject)]
        pub(super) struct $input {
            /// ID of the tenant.
            tenant_id: ID,
            /// Value that the payload returns unchanged, to match it with this input.
            client_mutation_id: Option<String>,
        }

        payload! { $(#[$doc])* $payload $(#[$tenant_doc])* }

        impl $input {
            async fn execute(self, ctx: &Context<'_>, change: StateChange) -> Result<$payload> {
                let Self { tenant_id, client_mutation_id } = self;
                let caller = Caller::from_context(ctx)?;
                let scope = caller.platform()?;
                let result = match Kind::Tenant.decode(&tenant_id) {
                    Some(id) => Box::pin(app::tenants::change_state(caller.app, scope, id, change)).await,
                    None => Err(app::Error::NotFound),
                };
                $payload::new(result, client_mutation_id)
            }
        }
    };
}

payload! {
    /// Payload of `createTenant`.
    CreateTenantPayload
    /// The new tenant. Null if there are user errors.
}
payload! {
    /// Payload of `updateAnyTenant`.
    UpdateAnyTenantPayload
    /// The changed tenant. Null if there are user errors.
}
state_change! {
    /// Input of `suspendTenant`.
    SuspendTenantInput
    /// Payload of `suspendTenant`.
    SuspendTenantPayload
    /// The suspended tenant. Null if there are user errors.
}
state_change! {
    /// Input of `resumeTenant`.
    ResumeTenantInput
    /// Payload of `resumeTenant`.
    ResumeTenantPayload
    /// The active tenant. Null if there are user errors.
}
state_change! {
    /// Input of `archiveTenant`.
    ArchiveTenantInput
    /// Payload of `archiveTenant`.
    ArchiveTenantPayload
    /// The archived tenant. Null if there are user errors.
}
state_change! {
    /// Input of `restoreTenant`.
    RestoreTenantInput
    /// Payload of `restoreTenant`.
    RestoreTenantPayload
    /// The restored tenant. Null if there are user errors.
}

/// Mutations of all tenants.
#[Object]
impl PlatformMutations {
    /// Creates a tenant. The operator then sets up its namespace, which takes a few seconds. Requires the permission
    /// `platform.tenant.create`.
    ///
    /// User errors: `ALREADY_EXISTS`, `IDEMPOTENCY_KEY_REUSED`; if the input is not valid, the codes of its errors with their
    /// fields.
    async fn create_tenant(
        &self,
        ctx: &Context<'_>,
        input: CreateTenantInput,
    ) -> Result<CreateTenantPayload> {
        let CreateTenantInput { slug, name, plan, settings, idempotency_key, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let fields = present([
            ("displayName", name.map(Value::String)),
            ("planRef", Some(json!({"name": plan}))),
            ("settings", settings.map(|Json(settings)| settings)),
        ]);
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let create = Create { slug, fields, requested_by: caller.principal.email.clone(), key };
        let created = Box::pin(app::tenants::create(caller.app, caller.platform()?, create)).await;
        CreateTenantPayload::new(created.map(|(tenant, _)| tenant), client_mutation_id)
    }

    /// Changes the name, the plan and the settings of any tenant. Fields that another tool manages, such as Argo CD or kubectl,
    /// cannot be changed. Requires the permission `platform.tenant.update`.
    ///
    /// User errors: `NOT_FOUND`, `PRECONDITION_FAILED`, `MANAGED_BY_GITOPS`; if the change is not valid, the codes of its errors
    /// with their fields.
    async fn update_any_tenant(
        &self,
        ctx: &Context<'_>,
        input: UpdateAnyTenantInput,
    ) -> Result<UpdateAnyTenantPayload> {
        let UpdateAnyTenantInput { tenant_id, name, plan, settings, generation, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.platform()?;
        let plan = text(plan).map(|plan| json!({"name": plan}));
        let patch = present([("displayName", text(name)), ("planRef", plan), ("settings", json(settings))]);
        let generation = generation.map(i64::from);
        let result = match Kind::Tenant.decode(&tenant_id) {
            Some(id) => Box::pin(app::tenants::update(caller.app, scope, id, generation, Patch(patch))).await,
            None => Err(app::Error::NotFound),
        };
        UpdateAnyTenantPayload::new(result, client_mutation_id)
    }

    /// Suspends a tenant: it becomes read-only, and no run starts. The call is idempotent. Runs that have started end as
    /// `spec.onSuspend` of the Tenant in Kubernetes says. Requires the permission `platform.tenant.suspend`.
    ///
    /// User errors: `NOT_FOUND`, `CONFLICT` if the tenant is archived, `MANAGED_BY_GITOPS`.
    async fn suspend_tenant(
        &self,
        ctx: &Context<'_>,
        input: SuspendTenantInput,
    ) -> Result<SuspendTenantPayload> {
        input.execute(ctx, StateChange::Suspend).await
    }

    /// Makes a suspended tenant active again. The call is idempotent. Requires the permission `platform.tenant.suspend`.
    ///
    /// User errors: `NOT_FOUND`, `CONFLICT` if the tenant is archived, `MANAGED_BY_GITOPS`.
    async fn resume_tenant(
        &self,
        ctx: &Context<'_>,
        input: ResumeTenantInput,
    ) -> Result<ResumeTenantPayload> {
        input.execute(ctx, StateChange::Resume).await
    }

    /// Archives a tenant: it becomes read-only, and its unfinished runs are cancelled. The call is idempotent. With
    /// `spec.deletionPolicy: Delete` of the Tenant in Kubernetes, its data is deleted after the retention. Requires the permission
    /// `platform.tenant.archive`.
    ///
    /// User errors: `NOT_FOUND`, `MANAGED_BY_GITOPS`.
    async fn archive_tenant(
        &self,
        ctx: &Context<'_>,
        input: ArchiveTenantInput,
    ) -> Result<ArchiveTenantPayload> {
        input.execute(ctx, StateChange::Archive).await
    }

    /// Makes an archived tenant active again. The call is idempotent; a tenant that is not archived stays as it is. Requires the
    /// permission `platform.tenant.archive`.
    ///
    /// User errors: `NOT_FOUND`, `MANAGED_BY_GITOPS`.
    async fn restore_tenant(
        &self,
        ctx: &Context<'_>,
        input: RestoreTenantInput,
    ) -> Result<RestoreTenantPayload> {
        input.execute(ctx, StateChange::Restore).await
    }
}
