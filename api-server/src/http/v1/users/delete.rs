//! `DELETE /v1/users/{id}`

use axum::{extract::State, http::StatusCode};

use super::editor;
use crate::{
    app::{self, App},
    http::{authorize::Member, etag::IfMatch, extract::Id},
    problem::Problem,
};

/// Delete a user
///
/// Deletes an invited or a deactivated user with its roles and identities, so that the address and the identities can be used again.
/// The audit log keeps what the user has done.
///
/// Requires the permission `user.delete`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404 `not_found`,
/// 409 `conflict` if the user is active: deactivate it first, 412 `precondition_failed` if the user was changed since the client read it,
/// or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    responses((status = NO_CONTENT, description = "The user was deleted"))
)]
pub(in crate::http) async fn delete_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let version = condition.and_then(IfMatch::generation);
    app::users::delete(&app, editor(&member), id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{BOB, CARA, Server};

    /// Only users who cannot log in are deleted.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_active_user_is_not_deleted(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.add_users(&pool).await;
        let delete =
            async |user: &str| server.request("acme", "admin", "DELETE", &format!("/v1/users/{user}")).await;
        let active = delete(BOB).await;
        assert_eq!((active.status, active.body["code"].as_str()), (409, Some("conflict")), "{}", active.body);
        let path = format!("/v1/users/{BOB}/deactivation");
        assert_eq!(server.request("acme", "admin", "PUT", &path).await.status, 200);
        for user in [BOB, CARA] {
            assert_eq!(delete(user).await.status, 204);
            assert_eq!(delete(user).await.status, 404);
        }
    }
}
