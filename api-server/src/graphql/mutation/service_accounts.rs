//! Mutations of service accounts.

use async_graphql::{Context, InputObject, Object, Result};

use super::{
    payload::{deletion, payload},
    runs::parse_key,
};
use crate::{
    app::{self, service_accounts::Create},
    graphql::{
        global_id::{Kind, role_references},
        objects::ServiceAccount,
        request::Caller,
    },
    store::service_accounts,
};

/// Mutations of service accounts.
#[derive(Default)]
pub(super) struct ServiceAccountMutations;

/// Input of `createServiceAccount`.
#[derive(InputObject)]
pub(super) struct CreateServiceAccountInput {
    /// Name: 1 to 40 lower-case letters, digits and hyphens. It begins with a letter, and is unique in the tenant.
    name: String,
    /// Purpose of the account; at most 500 characters.
    description: Option<String>,
    /// Roles, 1 to 20: names of built-in roles and IDs of the tenant's own. The caller must have all of their permissions.
    roles: Vec<String>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the account that the first request has
    /// created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for another request fails
    /// with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `createServiceAccount`.
    CreateServiceAccountPayload {
        /// The new account. Null if there are user errors.
        service_account: ServiceAccount(service_accounts::ServiceAccount)
    }
}
deletion! {
    /// Input of `deleteServiceAccount`.
    DeleteServiceAccountInput {
        /// Global ID of the service account.
        service_account_id
    }
    /// Payload of `deleteServiceAccount`.
    DeleteServiceAccountPayload {
        /// Global ID of the deleted account. Null if there are user errors.
        deleted_service_account_id
    }
}

/// Mutations of service accounts.
#[Object]
impl ServiceAccountMutations {
    /// Creates the account of a program, which sends requests with API keys of the account. Requires the permission
    /// `service-account.create`.
    ///
    /// User errors: `FORBIDDEN` if the roles have permissions that the caller lacks, `ALREADY_EXISTS`, `CONFLICT` if the tenant has too
    /// many accounts, `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`; if the input is not valid, the codes of its errors with their fields.
    async fn create_service_account(
        &self,
        ctx: &Context<'_>,
        input: CreateServiceAccountInput,
    ) -> Result<CreateServiceAccountPayload> {
        let CreateServiceAccountInput { name, description, roles, idempotency_key, client_mutation_id } =
            input;
        let caller = Caller::from_context(ctx)?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let (roles, requested_by) = (role_references(roles), caller.principal.email.clone());
        let create = Create { name, description, roles, requested_by, key };
        let created = Box::pin(app::service_accounts::create(caller.app, caller.editor()?, create)).await;
        CreateServiceAccountPayload::new(created.map(|(account, _)| account), client_mutation_id)
    }

    /// Deletes a service account with its API keys: within 5 seconds, all requests with them are refused. Requires the permission
    /// `service-account.delete`.
    ///
    /// User errors: `FORBIDDEN` if the account has permissions that the caller lacks, `NOT_FOUND`, `TENANT_SUSPENDED`.
    async fn delete_service_account(
        &self,
        ctx: &Context<'_>,
        input: DeleteServiceAccountInput,
    ) -> Result<DeleteServiceAccountPayload> {
        let DeleteServiceAccountInput { service_account_id, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let editor = caller.editor()?;
        let result = match Kind::ServiceAccount.decode(&service_account_id) {
            Some(id) => Box::pin(app::service_accounts::delete(caller.app, editor, id)).await,
            None => Err(app::Error::NotFound),
        };
        DeleteServiceAccountPayload::new(result, service_account_id, client_mutation_id)
    }
}
