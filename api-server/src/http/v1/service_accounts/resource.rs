//! The JSON representation of a service account.

use axum::{http::HeaderMap, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{etag, fields::Fields, v1::time::Time},
    store,
};

/// Account of a program, which sends requests with API keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ServiceAccount {
    /// Immutable ID of the account.
    id: Uuid,
    /// Name of the account, unique in the tenant.
    #[schema(example = "importer")]
    name: String,
    /// Purpose of the account.
    #[schema(example = "Imports orders every night")]
    description: Option<String>,
    /// Roles in alphabetical order: names of built-in roles and IDs of the tenant's own.
    #[schema(example = json!(["operator"]))]
    roles: Vec<String>,
    /// Time at which the account was created.
    created_at: Time,
}

/// Fields of [`ServiceAccount`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum ServiceAccountField {
    Id,
    Name,
    Description,
    Roles,
    CreatedAt,
}

impl ServiceAccount {
    /// Returns the response with fields of an account and its tag.
    pub(super) fn selected(
        account: store::service_accounts::ServiceAccount,
        request: &HeaderMap,
        fields: &Fields<ServiceAccountField>,
    ) -> Response {
        fields.mark(etag::with_etag(request, &fields.select(Self::from(account))))
    }
}

impl From<store::service_accounts::ServiceAccount> for ServiceAccount {
    fn from(account: store::service_accounts::ServiceAccount) -> Self {
        let store::service_accounts::ServiceAccount { id, name, description, roles, created_at } = account;
        Self { id, name, description, roles, created_at: created_at.into() }
    }
}
