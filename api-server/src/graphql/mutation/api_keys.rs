//! Mutations of API keys.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::{
    payload::{deletion, secret_payload},
    runs::parse_key,
};
use crate::{
    app::{
        self,
        api_keys::{Create, CreatedKey, Creator, Rotate},
    },
    graphql::{global_id::Kind, objects::ApiKey, request::Caller, scalars::DateTime},
    store::api_keys,
};

/// Mutations of API keys.
#[derive(Default)]
pub(super) struct ApiKeyMutations;

/// Input of `createApiKey`.
#[derive(InputObject)]
pub(super) struct CreateApiKeyInput {
    /// Name; at most 120 characters.
    name: String,
    /// Nodes of the permission tree, 1 to 64. The caller must have all of their permissions, or those that the service account has.
    scopes: Vec<String>,
    /// Time after which the key is refused, at most 366 days from now. Default: 90 days from now.
    expires_at: Option<DateTime>,
    /// Global ID of the service account that owns the key. Default: the user of the caller.
    service_account_id: Option<ID>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the key that the first request has
    /// created, without its secret, also if that request was sent by REST with the header `Idempotency-Key`. Using the idempotency key
    /// for another request fails with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `rotateApiKey`.
#[derive(InputObject)]
pub(super) struct RotateApiKeyInput {
    /// Global ID of the key to replace.
    api_key_id: ID,
    /// Time for which the old key remains valid, in seconds: 0 to 604,800, which is 7 days. Default: 86,400, which is a day.
    overlap_seconds: Option<i32>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the key that the first request has
    /// created, without its secret, also if that request was sent by REST with the header `Idempotency-Key`. Using the idempotency key
    /// for another request fails with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

secret_payload! {
    /// Payload of `createApiKey`.
    CreateApiKeyPayload {
        /// The new key. Null if there are user errors.
        api_key: ApiKey(api_keys::ApiKey)
        /// The key itself, to be sent as `Authorization: Bearer`. It is shown once. Null if there are user errors, or if an earlier
        /// request with the same idempotency key has returned it: revoke the key then, and create another one.
        secret
    }
}
secret_payload! {
    /// Payload of `rotateApiKey`.
    RotateApiKeyPayload {
        /// The new key. Null if there are user errors.
        api_key: ApiKey(api_keys::ApiKey)
        /// The new key itself, to be sent as `Authorization: Bearer`. It is shown once. Null if there are user errors, or if an earlier
        /// request with the same idempotency key has returned it: rotate the new key then.
        secret
    }
}
deletion! {
    /// Input of `revokeApiKey`.
    RevokeApiKeyInput {
        /// Global ID of the key.
        api_key_id
    }
    /// Payload of `revokeApiKey`.
    RevokeApiKeyPayload {
        /// Global ID of the revoked key. Null if there are user errors.
        revoked_api_key_id
    }
}

fn creator(caller: &Caller<'_>) -> Result<Creator> {
    Ok(Creator { editor: caller.editor()?, user: caller.principal.user.as_ref().map(|user| user.id) })
}

/// Returns a new key with its secret.
fn with_secret(CreatedKey { key, secret }: CreatedKey) -> (api_keys::ApiKey, Option<String>) {
    (key, secret.map(|secret| secret.secret().to_owned()))
}

/// Mutations of API keys.
#[Object]
impl ApiKeyMutations {
    /// Creates a key with which a program sends requests as the user of the caller, or as a service account. The payload has the secret,
    /// which is not stored and cannot be shown again. A request with the key has the permissions that its owner has at that time and that
    /// are among the scopes. Requires the permission `api-key.create`.
    ///
    /// User errors: `FORBIDDEN` if the key would have permissions that the caller lacks, `CONFLICT` if the tenant has too many keys,
    /// `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`; if the input is not valid, the codes of its errors with their fields.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let CreateApiKeyInput {
            name,
            scopes,
            expires_at,
            service_account_id,
            idempotency_key,
            client_mutation_id,
        } = input;
        let caller = Caller::from_context(ctx)?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let create = Create {
            name,
            scopes,
            expires_at: expires_at.map(|DateTime(time)| time),
            // A text that is no ID of a service account is that of none.
            service_account: service_account_id
                .map(|id| Kind::ServiceAccount.decode(&id).unwrap_or_default()),
            requested_by: caller.principal.email.clone(),
            key,
        };
        let created = Box::pin(app::api_keys::create(caller.app, creator(&caller)?, create)).await;
        CreateApiKeyPayload::new(created.map(|(created, _)| with_secret(created)), client_mutation_id)
    }

    /// Creates an API key with the owner, the name, the scopes and the lifetime of another one, which expires after the overlap. Requires
    /// the permission `api-key.create`.
    ///
    /// User errors: `FORBIDDEN` if the key belongs to another user or has scopes that the caller lacks, `NOT_FOUND`, `TENANT_SUSPENDED`,
    /// `IDEMPOTENCY_KEY_REUSED`; if the input is not valid, the codes of its errors with their fields.
    async fn rotate_api_key(
        &self,
        ctx: &Context<'_>,
        input: RotateApiKeyInput,
    ) -> Result<RotateApiKeyPayload> {
        let RotateApiKeyInput { api_key_id, overlap_seconds, idempotency_key, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let creator = creator(&caller)?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let (overlap_seconds, requested_by) =
            (overlap_seconds.map(i64::from), caller.principal.email.clone());
        let rotated = match Kind::ApiKey.decode(&api_key_id) {
            Some(id) => {
                let rotate = Rotate { id, overlap_seconds, requested_by, key };
                Box::pin(app::api_keys::rotate(caller.app, creator, rotate)).await
            }
            None => Err(app::Error::NotFound),
        };
        RotateApiKeyPayload::new(rotated.map(|(created, _)| with_secret(created)), client_mutation_id)
    }

    /// Deletes an API key: within 5 seconds, all requests with it are refused. Requires the permission `api-key.delete`.
    ///
    /// User errors: `NOT_FOUND`, `TENANT_SUSPENDED`.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let RevokeApiKeyInput { api_key_id, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let result = match Kind::ApiKey.decode(&api_key_id) {
            Some(id) => Box::pin(app::api_keys::revoke(caller.app, scope, id)).await,
            None => Err(app::Error::NotFound),
        };
        RevokeApiKeyPayload::new(result, api_key_id, client_mutation_id)
    }
}
