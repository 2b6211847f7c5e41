//! `GET /v1/me/permissions`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Principal;

/// What the caller may do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Permissions {
    /// The names of the permissions, in alphabetical order.
    #[schema(example = json!(["workflow.read", "workflow.run.read"]))]
    permissions: Vec<&'static str>,
}

/// What the caller may do.
#[utoipa::path(
    get, path = "/v1/me/permissions", tag = "me",
    responses((status = OK, description = "The caller's permissions", body = Permissions))
)]
pub(in crate::http) async fn get_my_permissions(principal: Principal) -> Json<Permissions> {
    Json(Permissions { permissions: principal.permission_names() })
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// An interface offers buttons that answer 403.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_read_and_not_start(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", "/v1/me/permissions").await;
        insta::assert_json_snapshot!(answer.body);
    }
}
