//! `GET /v1/plans`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{Plan, PlanField};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, NoFilter, PageParameters},
    },
    problem::Problem,
};

/// List plans
///
/// Returns a page of all plans, newest first by default. Requires the permission `plan.read`.
#[utoipa::path(
    get, path = "/v1/plans", tag = "plans",
    params(
        PageParameters,
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<PlanField>,
    ),
    responses(
        (status = OK, description = "Page of plans", body = List<Plan>),
        (status = NOT_MODIFIED, description = "The page has not changed"),
    )
)]
pub(in crate::http) async fn list_plans(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    headers: HeaderMap,
    request: ListRequest<NoFilter, PlanField>,
) -> Result<Response, Problem> {
    let page = app::plans::list(&app, tenant.scope, &request.paging).await?;
    let total = request.total_count(app::plans::count(&app, tenant.scope)).await?;
    Ok(request.response_with_etag(&headers, page, total, Plan::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// Users see the prices, features and limits of all plans.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn plans_are_listed_with_their_limits(pool: PgPool) {
        let server = Server::start(&pool).await;
        insta::assert_json_snapshot!(server.get("acme", "viewer", "/v1/plans").await.body);
    }

    /// A client that reads an unchanged page again does not download it again.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unchanged_page_is_not_sent_again(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = "/v1/plans?limit=1&include=totalCount";
        let tag = server.get("acme", "viewer", path).await.headers["etag"].clone();
        let tag = tag.to_str().unwrap();
        let again = server.get_with("acme", "viewer", path, "if-none-match", tag).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0));
        server.set_plan_limits(serde_json::json!({"workflows": 7})).await;
        let changed = server.get_with("acme", "viewer", path, "if-none-match", tag).await;
        assert_eq!(changed.status, 200);
    }

    /// Unknown and invalid parameters are refused instead of ignored.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn invalid_parameters_are_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (query, code) in [
            ("page=2", "unknown_parameter"),
            ("limit=0", "invalid_parameter"),
            ("limit=101", "invalid_parameter"),
            ("limit=many", "invalid_parameter"),
            ("sort=name", "invalid_parameter"),
            ("cursor=AAAA", "invalid_cursor"),
        ] {
            let answer = server.get("acme", "viewer", &format!("/v1/plans?{query}")).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some(code)), "{query}");
        }
    }
}
