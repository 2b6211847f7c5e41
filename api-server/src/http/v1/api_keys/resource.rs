//! The JSON representation of an API key.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::api_keys::CreatedKey,
    http::{etag, fields::Fields, v1::time::Time},
    store,
};

/// Key with which a program sends requests, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ApiKey {
    /// Immutable ID of the key.
    id: Uuid,
    /// Name of the key.
    #[schema(example = "Nightly import")]
    name: String,
    /// Beginning of the key, by which its owner recognises it.
    #[schema(example = "smbc_live_0aZ9")]
    prefix: String,
    /// ID of the user that owns the key. Null if a service account does.
    user_id: Option<Uuid>,
    /// ID of the service account that owns the key. Null if a user does.
    service_account_id: Option<Uuid>,
    /// Nodes of the permission tree: the key has the permissions of its owner that are among them.
    #[schema(example = json!(["workflow.read", "workflow.run"]))]
    scopes: Vec<String>,
    /// Time after which the key is refused.
    expires_at: Time,
    /// Time of the last use, precise to a minute. Null if the key was never used.
    last_used_at: Option<Time>,
    /// Time at which the key was created.
    created_at: Time,
}

/// New key with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct CreatedApiKey {
    #[serde(flatten)]
    #[schema(inline)]
    key: ApiKey,
    /// The key itself, to be sent as `Authorization: Bearer`. It is shown once. Null if an earlier request with the same
    /// idempotency key has returned it: revoke the key then, and create another one.
    #[schema(example = "smbc_live_0123456789abcdefghijABCDEFGHIJ0AbCdE")]
    secret: Option<String>,
}

/// Fields of [`ApiKey`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum ApiKeyField {
    Id,
    Name,
    Prefix,
    UserId,
    ServiceAccountId,
    Scopes,
    ExpiresAt,
    LastUsedAt,
    CreatedAt,
}

impl ApiKey {
    /// Returns the response with fields of a key and its tag.
    pub(super) fn selected(
        key: store::api_keys::ApiKey,
        request: &HeaderMap,
        fields: &Fields<ApiKeyField>,
    ) -> Response {
        fields.mark(etag::with_etag(request, &fields.select(Self::from(key))))
    }
}

impl CreatedApiKey {
    /// Returns the response with a new key.
    pub(super) fn response(CreatedKey { key, secret }: CreatedKey) -> Response {
        let location = HeaderValue::from_str(&format!("/v1/api-keys/{}", key.id));
        let secret = secret.map(|secret| secret.secret().to_owned());
        let body = Self { key: ApiKey::from(key), secret };
        let mut response = (StatusCode::CREATED, axum::Json(body)).into_response();
        // The secret stays in no cache.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
        response
    }
}

impl From<store::api_keys::ApiKey> for ApiKey {
    fn from(key: store::api_keys::ApiKey) -> Self {
        let store::api_keys::ApiKey {
            id,
            user_id,
            service_account_id,
            name,
            prefix,
            scopes,
            expires_at,
            last_used_at,
            created_at,
        } = key;
        let (expires_at, created_at) = (expires_at.into(), created_at.into());
        let last_used_at = last_used_at.map(Into::into);
        Self { id, name, prefix, user_id, service_account_id, scopes, expires_at, last_used_at, created_at }
    }
}
