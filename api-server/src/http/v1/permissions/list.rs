//! `GET /v1/permissions`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::authorization::permissions, http::authorize::Member};

/// Permission tree of a tenant.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PermissionTree {
    /// Leaves of the tree, in its order. A node of the tree is a beginning of their names up to a dot.
    data: Vec<Permission>,
}

/// Permission: a leaf of the permission tree.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Permission {
    /// Name of the permission. Policies can also name its beginning up to a dot, which stands for all permissions below it.
    #[schema(example = "workflow.run.create")]
    name: &'static str,
    /// What the permission allows.
    #[schema(example = "start runs")]
    description: &'static str,
}

/// List permissions
///
/// Returns the permissions that the roles and policies of a tenant can name. Requires the permission `role.read`.
#[utoipa::path(
    get, path = "/v1/permissions", tag = "access",
    responses((status = OK, description = "Permission tree", body = PermissionTree))
)]
pub(in crate::http) async fn list_permissions(_: Member) -> Json<PermissionTree> {
    let leaves = permissions().into_iter();
    let data = leaves.map(|leaf| Permission { name: leaf.name(), description: leaf.description() });
    Json(PermissionTree { data: data.collect() })
}
