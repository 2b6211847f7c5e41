//! `GET /v1/me/permissions`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;

/// Permissions of the authenticated user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Permissions {
    /// Names of the permissions, in alphabetical order.
    #[schema(example = json!(["workflow.read", "workflow.run.read"]))]
    permissions: Vec<&'static str>,
}

/// List the permissions of the authenticated user
///
/// Returns the permissions that the roles in the bearer token grant. Requires a valid token and no permission.
#[utoipa::path(
    get, path = "/v1/me/permissions", tag = "me",
    responses((status = OK, description = "Permissions of the authenticated user", body = Permissions))
)]
pub(in crate::http) async fn get_my_permissions(principal: Principal) -> Json<Permissions> {
    Json(Permissions { permissions: principal.permission_names() })
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// A user interface can hide the actions that the user may not perform.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_read_and_not_start(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", "/v1/me/permissions").await;
        insta::assert_json_snapshot!(answer.body);
    }
}
