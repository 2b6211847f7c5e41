//! `GET /v1/users`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::{User, UserField};
use crate::{
    app::{self, App, users::Filter},
    http::{
        authorize::Member,
        extract::optional_enum_name,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
    },
    problem::Problem,
    store::UserStatus,
};

/// Filters of the list.
#[derive(Clone, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by status: `INVITED`, `ACTIVE` or `DEACTIVATED`.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_enum_name")]
    status: Option<UserStatus>,
    /// Filter by role: name of a built-in role, or ID of a role of the tenant.
    role: Option<String>,
    /// Filter by email address, in any spelling.
    email: Option<String>,
    /// Filter by creation time: only users created after this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<jiff::Timestamp>,
    /// Filter by creation time: only users created before this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<jiff::Timestamp>,
}

/// List users
///
/// Returns a page of the tenant's users, newest first by default. Requires the permission `user.read`.
#[utoipa::path(
    get, path = "/v1/users", tag = "users", params(PageParameters, Parameters, Fields<UserField>),
    responses((status = OK, description = "Page of users", body = List<User>))
)]
pub(in crate::http) async fn list_users(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters, UserField>,
) -> Result<Response, Problem> {
    let Parameters { status, role, email, created_after, created_before } = request.filter.clone();
    let filter = Filter { status, role, email, created: created(created_after, created_before) };
    let page = app::users::list(&app, tenant.scope, filter.clone(), &request.paging).await?;
    let total = request.total_count(app::users::count(&app, tenant.scope, filter)).await?;
    Ok(request.response(page, total, User::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{ANNA, BOB, CARA, Server};

    /// Each filter selects the users that match it, addresses in any spelling, and other tenants see none of them.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn filters_select_users(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.add_users(&pool).await;
        for (query, expected) in [
            ("sort=createdAt", &[ANNA, BOB, CARA][..]),
            ("status=ACTIVE", &[BOB, ANNA]),
            ("status=INVITED", &[CARA]),
            ("role=owner", &[ANNA]),
            ("email=ANNA%40Acme.EXAMPLE", &[ANNA]),
            ("email=nobody%40acme.example", &[]),
            ("email=nonsense", &[]),
            ("status=ACTIVE&role=builder", &[BOB]),
            ("createdAfter=2026-11-05T00:00:00Z", &[CARA, BOB]),
        ] {
            let answer =
                server.get("acme", "auditor", &format!("/v1/users?{query}&include=totalCount")).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.body);
            let users = answer.body["data"].as_array().unwrap().iter();
            let ids: Vec<_> = users.map(|user| user["id"].as_str().unwrap()).collect();
            assert_eq!(ids, expected, "{query}");
            assert_eq!(answer.body["page"]["totalCount"], ids.len().to_string(), "{query}");
        }
        let foreign = server.get("globex", "owner", "/v1/users").await;
        assert_eq!(foreign.body["data"], serde_json::json!([]));
        let path = format!("/v1/users/{ANNA}");
        assert_eq!(server.get("globex", "owner", &path).await.status, 404);
        assert_eq!(server.get("acme", "viewer", &path).await.status, 403);
    }
}
