//! `GET /v1/workflows`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::WorkflowSummary;
use crate::{
    app::{self, workflows::Filter},
    db::Timestamp,
    http::{
        authorize::Member,
        list::{List, ListRequest, PageParameters},
        problem::Problem,
    },
    state::AppState,
    store::WorkflowState,
};

/// Which workflows to list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Only workflows in this state: `ACTIVE` or `ARCHIVED`.
    #[param(value_type = Option<String>)]
    status: Option<WorkflowState>,
    /// Only workflows created after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<Timestamp>,
}

/// The tenant's workflows.
#[utoipa::path(
    get, path = "/v1/workflows", tag = "workflows", params(PageParameters, Parameters),
    responses((status = OK, description = "A page of workflows", body = List<WorkflowSummary>))
)]
pub(in crate::http) async fn list_workflows(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after } = request.filter;
    let filter = Filter { state: status, created_after };
    let page = app::workflows::list(&state, tenant.scope, filter, &request.paging).await?;
    Ok(request.answer(page, WorkflowSummary::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// A user sees the workflows of another business, or not all of their own.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_tenant_sees_its_own_workflows(pool: PgPool) {
        let server = Server::start(&pool).await;
        insta::assert_json_snapshot!(server.get("acme", "viewer", "/v1/workflows").await.body);
        let globex = server.get("globex", "viewer", "/v1/workflows").await;
        assert_eq!(globex.body["data"], serde_json::json!([]));
    }

    /// A cursor pages through a list that it was not made for, and objects are missed.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_cursor_belongs_to_its_tenant_filter_and_sort(pool: PgPool) {
        let server = Server::start(&pool).await;
        let page = server.get("acme", "viewer", "/v1/workflows?limit=1").await;
        let cursor = page.body["page"]["nextCursor"].as_str().unwrap();
        let with = |query: &str| format!("/v1/workflows?limit=1&cursor={cursor}{query}");
        assert_eq!(server.get("acme", "viewer", &with("")).await.status, 200);
        for (tenant, query) in [("acme", "&status=ACTIVE"), ("acme", "&sort=createdAt"), ("globex", "")] {
            let answer = server.get(tenant, "viewer", &with(query)).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("invalid_cursor")));
        }
    }
}
