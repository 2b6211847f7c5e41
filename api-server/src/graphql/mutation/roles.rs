//! Mutations of roles.

use async_graphql::{Context, ID, InputObject, Object, Result};
use uuid::Uuid;

use super::{
    payload::{deletion, payload},
    runs::parse_key,
};
use crate::{
    app::{
        self,
        roles::{Create, NewRole, Patch},
        users::Editor,
    },
    graphql::{
        global_id::{GlobalId, Kind},
        objects::Role,
        request::Caller,
    },
};

/// Mutations of roles.
#[derive(Default)]
pub(super) struct RoleMutations;

/// Input of `createRole`.
#[derive(InputObject)]
pub(super) struct CreateRoleInput {
    /// Name of the role, unique in the tenant without regard to case; at most 100 characters.
    name: String,
    /// Description of the role; at most 1,000 characters. Default: none.
    description: Option<String>,
    /// Global IDs of its policies; at most 20. Default: none.
    policies: Option<Vec<ID>>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the role that the first request has
    /// created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for another request fails
    /// with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `updateRole`. Absent fields and those that are null stay as they are.
#[derive(InputObject)]
pub(super) struct UpdateRoleInput {
    /// Global ID of a role of the tenant.
    role_id: ID,
    /// New name; at most 100 characters.
    name: Option<String>,
    /// New description; at most 1,000 characters.
    description: Option<String>,
    /// Global IDs of all its policies, which replace the earlier ones; at most 20.
    policies: Option<Vec<ID>>,
    /// `version` of the role that the change is based on. If the role was changed since, the mutation fails with the user error
    /// `PRECONDITION_FAILED`.
    version: i32,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `createRole`.
    CreateRolePayload {
        /// The new role. Null if there are user errors.
        role: Role(app::roles::Role)
    }
}
payload! {
    /// Payload of `updateRole`.
    UpdateRolePayload {
        /// The changed role. Null if there are user errors.
        role: Role(app::roles::Role)
    }
}
deletion! {
    /// Input of `deleteRole`.
    DeleteRoleInput {
        /// Global ID of a role of the tenant.
        role_id
        /// `version` of the role that the deletion is based on. If the role was changed since, the mutation fails with the user error
        /// `PRECONDITION_FAILED`. Default: any.
        version: Option<i32>
    }
    /// Payload of `deleteRole`.
    DeleteRolePayload {
        /// Global ID of the deleted role. Null if there are user errors.
        deleted_role_id
    }
}

/// Returns what the use cases find a role by.
fn reference(id: &ID) -> Result<String, app::Error> {
    match GlobalId::decode(id) {
        Some(GlobalId::Role(reference)) => Ok(reference.to_string()),
        Some(GlobalId::Object(..) | GlobalId::Event(_) | GlobalId::Revision(_)) | None => {
            Err(app::Error::NotFound)
        }
    }
}

/// Returns the IDs of policies. What is no ID of a policy is that of none, which is an error at its position.
fn policy_ids(ids: &[ID]) -> Vec<Uuid> {
    ids.iter().map(|id| Kind::Policy.decode(id).unwrap_or_default()).collect()
}

/// Mutations of roles.
#[Object]
impl RoleMutations {
    /// Creates a role of the tenant. Its policies may allow only what the caller may do itself for all resources. Requires the permission
    /// `role.create`.
    ///
    /// User errors: `FORBIDDEN` if the role would allow more than the caller may do, `ALREADY_EXISTS`, `CONFLICT` if the tenant has 200
    /// roles, `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`; if the role is not valid, the codes of its errors with their fields.
    async fn create_role(&self, ctx: &Context<'_>, input: CreateRoleInput) -> Result<CreateRolePayload> {
        let CreateRoleInput { name, description, policies, idempotency_key, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let Editor { scope, permissions } = caller.editor()?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let (description, policies) = (description.unwrap_or_default(), policies.unwrap_or_default());
        let role = NewRole { name, description, policies: policy_ids(&policies) };
        let create = Create { role, requested_by: caller.principal.email.clone(), key };
        let created = Box::pin(app::roles::create(caller.app, scope, permissions, create)).await;
        CreateRolePayload::new(created.map(|(role, _)| role), client_mutation_id)
    }

    /// Changes a role of the tenant, for all who have it, within 5 seconds. Its policies may allow only what the caller may do itself for
    /// all resources; a denial can be removed only by a caller who may do what it denies. Requires the permission `role.update`.
    ///
    /// User errors: `FORBIDDEN` if the caller would grant more than it may do, `NOT_FOUND`, `CONFLICT` if the role is built in,
    /// `ALREADY_EXISTS`, `PRECONDITION_FAILED`, `TENANT_SUSPENDED`; if the change is not valid, the codes of its errors with their fields.
    async fn update_role(&self, ctx: &Context<'_>, input: UpdateRoleInput) -> Result<UpdateRolePayload> {
        let UpdateRoleInput { role_id, name, description, policies, version, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let Editor { scope, permissions } = caller.editor()?;
        let (version, policies) = (Some(version.into()), policies.map(|ids| policy_ids(&ids)));
        let patch = Patch { name, description, policies };
        let result = match reference(&role_id) {
            Ok(role) => {
                let update = app::roles::update(caller.app, scope, permissions, &role, version, patch);
                Box::pin(update).await
            }
            Err(error) => Err(error),
        };
        UpdateRolePayload::new(result, client_mutation_id)
    }

    /// Deletes a role of the tenant that no user, invited person or service account has. A role with a denial can be deleted only by a
    /// caller who may do what it denies. Requires the permission `role.delete`.
    ///
    /// User errors: `FORBIDDEN`, `NOT_FOUND`, `CONFLICT` if the role is built in or somebody has it, `PRECONDITION_FAILED`,
    /// `TENANT_SUSPENDED`.
    async fn delete_role(&self, ctx: &Context<'_>, input: DeleteRoleInput) -> Result<DeleteRolePayload> {
        let DeleteRoleInput { role_id, version, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let Editor { scope, permissions } = caller.editor()?;
        let version = version.map(i64::from);
        let result = match reference(&role_id) {
            Ok(role) => Box::pin(app::roles::delete(caller.app, scope, permissions, &role, version)).await,
            Err(error) => Err(error),
        };
        DeleteRolePayload::new(result, role_id, client_mutation_id)
    }
}
