//! The JSON representation of a role.

use axum::{extract::FromRequestParts, http::HeaderMap, http::request::Parts, response::Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::roles,
    auth::TenantScope,
    http::{etag, v1::time::Time},
    problem::{Code, Problem},
    store,
};

/// Role, which users, API keys and service accounts have.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Role {
    /// ID of the role, by which users refer to it: the name of a built-in role, or a UUID.
    #[schema(example = "019ad3c4-0000-7000-8000-000000000001")]
    id: String,
    /// ID of the tenant that has created the role. Null if the role is built in.
    #[schema(required = true)]
    tenant_id: Option<Uuid>,
    /// Whether the role is built in. Built-in roles cannot be changed.
    built_in: bool,
    /// Name of the role, unique in the tenant without regard to case.
    #[schema(example = "Finance")]
    name: String,
    /// Description of the role.
    description: String,
    /// IDs of the policies of the role. A built-in role has none.
    policies: Vec<Uuid>,
    /// Permissions that the role gives, at least for some resources and under some conditions, in the order of the permission tree.
    #[schema(example = json!(["workflow.read", "workflow.run.create"]))]
    permissions: Vec<&'static str>,
    /// Time at which the role was created. Null if it is built in.
    #[schema(required = true)]
    created_at: Option<Time>,
    /// Time of the last change of the role. Null if it is built in.
    #[schema(required = true)]
    updated_at: Option<Time>,
}

/// Fields of [`Role`], which a list can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum RoleField {
    Id,
    TenantId,
    BuiltIn,
    Name,
    Description,
    Policies,
    Permissions,
    CreatedAt,
    UpdatedAt,
}

impl Role {
    pub(super) fn new(scope: TenantScope, role: roles::Role) -> Self {
        let id = role.reference().to_string();
        let roles::Role { row, permissions } = role;
        let store::Role { id: _, name, description, built_in, version: _, created_at, updated_at, policies } =
            row;
        Self {
            id,
            tenant_id: (!built_in).then(|| scope.tenant_id()),
            built_in,
            name,
            description,
            policies,
            permissions: permissions.into_iter().map(domain::permission::Permission::name).collect(),
            created_at: (!built_in).then(|| created_at.into()),
            updated_at: (!built_in).then(|| updated_at.into()),
        }
    }

    /// Returns the response with a role, whose tag has its version.
    pub(super) fn response(scope: TenantScope, role: roles::Role, headers: &HeaderMap) -> Response {
        let version = role.row.version;
        etag::with_generation(headers, version, &Self::new(scope, role))
    }
}

/// `{id}` of a path: the name of a built-in role, or the ID of one of the tenant.
pub(in crate::http) struct RoleId(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for RoleId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        id.map(|axum::extract::Path(id)| Self(id)).map_err(|_| Problem::new(Code::NotFound))
    }
}
