//! `PUT` and `DELETE` of `/v1/users/{id}/roles/{roleId}`

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use uuid::Uuid;

use super::{editor, resource::User};
use crate::{
    app::{self, App},
    http::{authorize::Member, etag::IfMatch},
    problem::{Code, Problem},
};

/// Assign a role
///
/// Gives a role to a user, which takes effect within 5 seconds. The request is idempotent. The caller must have all permissions of the
/// role and of the user.
///
/// Requires the permission `user.role.assign`. Fails with 403 `forbidden` if the role or the user has permissions that the caller lacks,
/// 404 `not_found`, 412 `precondition_failed` if the user was changed since the client read it, 422 `invalid` if there is no such role, or
/// 423 `tenant_suspended`.
#[utoipa::path(
    put, path = "/v1/users/{id}/roles/{roleId}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("roleId" = String, Path, description = "Name of a built-in role, or ID of a role of the tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    responses((status = OK, description = "User with the role", body = User))
)]
pub(in crate::http) async fn assign_role(
    State(app): State<App>,
    member: Member,
    path: Result<Path<(Uuid, String)>, PathRejection>,
    condition: Option<IfMatch>,
) -> Result<Response, Problem> {
    let Path((id, role)) = path.map_err(|_| Problem::new(Code::NotFound))?;
    let version = condition.and_then(IfMatch::generation);
    let user = app::users::assign_role(&app, editor(&member), id, version, role).await?;
    Ok(User::response(user, &HeaderMap::new()))
}

/// Remove a role
///
/// Takes a role from a user, which takes effect within 5 seconds. The request is idempotent. The caller must have all permissions of the
/// user.
///
/// Requires the permission `user.role.assign`. Fails with 403 `forbidden` if the user has permissions that the caller lacks, 404
/// `not_found`, 409 `last_owner` if the tenant has no other active owner, 412 `precondition_failed` if the user was changed since the
/// client read it, 422 `invalid` if the user has no other role, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/users/{id}/roles/{roleId}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("roleId" = String, Path, description = "Name of a built-in role, or ID of a role of the tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the user. Default: any state."),
    ),
    responses((status = OK, description = "User without the role", body = User))
)]
pub(in crate::http) async fn remove_role(
    State(app): State<App>,
    member: Member,
    path: Result<Path<(Uuid, String)>, PathRejection>,
    condition: Option<IfMatch>,
) -> Result<Response, Problem> {
    let Path((id, role)) = path.map_err(|_| Problem::new(Code::NotFound))?;
    let version = condition.and_then(IfMatch::generation);
    let user = app::users::remove_role(&app, editor(&member), id, version, role).await?;
    Ok(User::response(user, &HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ANNA, Answer, BOB, Server};

    fn code(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.body["code"].as_str().unwrap_or_default())
    }

    /// Roles are assigned and removed by those who have their permissions, the last role and the last owner remain, and each change
    /// is in the audit log.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn roles_are_assigned_and_removed(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.add_users(&pool).await;
        let path = |user: &str, role: &str| format!("/v1/users/{user}/roles/{role}");
        let send = async |by: &str, method: &str, user: &str, role: &str| {
            server.request("acme", by, method, &path(user, role)).await
        };
        let assigned = send("admin", "PUT", BOB, "operator").await;
        assert_eq!((assigned.status, &assigned.body["roles"]), (200, &json!(["builder", "operator"])));
        let again = send("admin", "PUT", BOB, "operator").await;
        assert_eq!((again.status, &again.headers["etag"]), (200, &assigned.headers["etag"]));
        assert_eq!(code(&send("admin", "PUT", BOB, "owner").await), (403, "forbidden"));
        assert_eq!(code(&send("builder", "PUT", BOB, "viewer").await), (403, "forbidden"));
        assert_eq!(code(&send("owner", "PUT", BOB, "platform-admin").await), (422, "invalid"));
        assert_eq!(code(&send("owner", "PUT", "x", "viewer").await), (404, "not_found"));
        let removed = send("admin", "DELETE", BOB, "operator").await;
        assert_eq!((removed.status, &removed.body["roles"]), (200, &json!(["builder"])));
        assert_eq!(code(&send("admin", "DELETE", BOB, "builder").await), (422, "invalid"));
        assert_eq!(send("admin", "DELETE", BOB, "viewer").await.status, 200);
        assert_eq!(send("owner", "PUT", ANNA, "viewer").await.status, 200);
        assert_eq!(code(&send("owner", "DELETE", ANNA, "owner").await), (409, "last_owner"));
        let events =
            server.get("acme", "owner", "/v1/audit-events?action=user.role.assign&sort=createdAt").await;
        let first = &events.body["data"][0];
        assert_eq!(first["object"]["kind"], "USER");
        let change = json!([{"field": "/roles", "before": ["builder"], "after": ["builder", "operator"]}]);
        assert_eq!(first["changes"], change, "{first}");
    }
}
