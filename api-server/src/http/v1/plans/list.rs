//! `GET /v1/plans`

use axum::{extract::State, response::Response};

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
    get, path = "/v1/plans", tag = "plans", params(PageParameters, Fields<PlanField>),
    responses((status = OK, description = "Page of plans", body = List<Plan>))
)]
pub(in crate::http) async fn list_plans(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<NoFilter, PlanField>,
) -> Result<Response, Problem> {
    let page = app::plans::list(&app, tenant.scope, &request.paging).await?;
    let total = request.total_count(app::plans::count(&app, tenant.scope)).await?;
    Ok(request.response(page, total, Plan::from))
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
