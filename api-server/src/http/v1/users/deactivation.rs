//! `PUT` and `DELETE` of `/v1/users/{id}/deactivation`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{editor, resource::User};
use crate::{
    app::{self, App},
    http::{authorize::Member, etag::IfMatch, extract::Id},
    problem::Problem,
};

/// Deactivate a user
///
/// Deactivates a user: within 5 seconds, all requests with its tokens are refused with 403 `user_deactivated`. The request is idempotent.
///
/// Requires the permission `user.update`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404 `not_found`,
/// 409 `last_owner` if the tenant has no other active owner, 412 `precondition_failed` if the user was changed since the client read it,
/// or 423 `tenant_suspended`.
#[utoipa::path(
    put, path = "/v1/users/{id}/deactivation", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    responses((status = OK, description = "Deactivated user", body = User))
)]
pub(in crate::http) async fn deactivate_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
) -> Result<Response, Problem> {
    let version = condition.and_then(IfMatch::generation);
    let user = app::users::deactivate(&app, editor(&member), id, version).await?;
    Ok(User::response(user, &HeaderMap::new()))
}

/// Reactivate a user
///
/// Makes a deactivated user active again. The request is idempotent; a user who is not deactivated stays as it is.
///
/// Requires the permission `user.update`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404 `not_found`,
/// 412 `precondition_failed` if the user was changed since the client read it, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/users/{id}/deactivation", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    responses((status = OK, description = "Reactivated user", body = User))
)]
pub(in crate::http) async fn reactivate_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
) -> Result<Response, Problem> {
    let version = condition.and_then(IfMatch::generation);
    let user = app::users::reactivate(&app, editor(&member), id, version).await?;
    Ok(User::response(user, &HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ANNA, BOB, CARA, Server};

    /// The last active owner cannot be deactivated, and an admin does not deactivate an owner.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_owner_remains(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.add_users(&pool).await;
        let path = |user: &str| format!("/v1/users/{user}/deactivation");
        let last = server.request("acme", "owner", "PUT", &path(ANNA)).await;
        assert_eq!((last.status, last.body["code"].as_str()), (409, Some("last_owner")), "{}", last.body);
        let by_admin = server.request("acme", "admin", "PUT", &path(ANNA)).await;
        assert_eq!((by_admin.status, by_admin.body["code"].as_str()), (403, Some("forbidden")));
        let roles = format!("/v1/users/{BOB}/roles/owner");
        assert_eq!(server.request("acme", "owner", "PUT", &roles).await.status, 200);
        let deactivated = server.request("acme", "owner", "PUT", &path(ANNA)).await;
        assert_eq!((deactivated.status, &deactivated.body["status"]), (200, &json!("DEACTIVATED")));
        let again = server.request("acme", "owner", "PUT", &path(ANNA)).await;
        assert_eq!((again.status, &again.headers["etag"]), (200, &deactivated.headers["etag"]));
        let active = server.request("acme", "owner", "DELETE", &path(ANNA)).await;
        assert_eq!((active.status, &active.body["status"]), (200, &json!("ACTIVE")));
        let invited = server.request("acme", "owner", "DELETE", &path(CARA)).await;
        assert_eq!((invited.status, &invited.body["status"]), (200, &json!("INVITED")));
    }
}
