//! The JSON representation of a user.

use axum::{http::HeaderMap, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::{etag, fields::Fields, v1::time::Time},
    store::{self, UserStatus},
};

/// Person who uses the platform for a tenant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct User {
    /// Immutable ID of the user.
    id: Uuid,
    /// Email address, as it was written. Addresses that differ in case or in the Unicode form of their characters are the same.
    #[schema(example = "Anna@acme.example")]
    email: String,
    /// Full name of the user.
    #[schema(example = "Anna Berg", required = true)]
    display_name: Option<String>,
    /// Status of the user: `INVITED` until the first login, `ACTIVE`, or `DEACTIVATED`, which refuses all tokens of the user.
    #[schema(value_type = String, example = "ACTIVE")]
    status: UserStatus,
    /// URL of a picture of the user with the scheme https, or the path of the API to an uploaded picture.
    #[schema(example = "https://cdn.example/anna.png", required = true)]
    picture_url: Option<String>,
    /// Roles in alphabetical order: names of built-in roles and IDs of the tenant's own.
    #[schema(example = json!(["builder"]))]
    roles: Vec<String>,
    /// Time at which the user was created.
    created_at: Time,
    /// Time of the last change of the user or of its roles.
    updated_at: Time,
}

/// Fields of [`User`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum UserField {
    Id,
    Email,
    DisplayName,
    Status,
    PictureUrl,
    Roles,
    CreatedAt,
    UpdatedAt,
}

impl User {
    /// Returns the response with a user and its tag.
    pub(super) fn response(user: store::User, request: &HeaderMap) -> Response {
        let version = user.version;
        etag::with_generation(request, version, &Self::from(user))
    }

    /// Returns the response with fields of a user and its tag.
    pub(super) fn selected(user: store::User, request: &HeaderMap, fields: &Fields<UserField>) -> Response {
        let version = user.version;
        fields.mark(etag::with_generation(request, version, &fields.select(Self::from(user))))
    }
}

impl From<store::User> for User {
    fn from(user: store::User) -> Self {
        let store::User {
            id,
            email,
            display_name,
            status,
            picture_url,
            roles,
            version: _,
            created_at,
            updated_at,
        } = user;
        let (created_at, updated_at) = (created_at.into(), updated_at.into());
        Self { id, email, display_name, status, picture_url, roles, created_at, updated_at }
    }
}
