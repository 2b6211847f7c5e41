//! `GET /v1/workflows`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::{WorkflowSummary, WorkflowSummaryField};
use crate::{
    app::{self, App, workflows::Filter},
    http::{
        authorize::Member,
        extract::optional_enum_name,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
    },
    problem::Problem,
    store::WorkflowState,
};

/// Filters of the list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by status: `ACTIVE` or `ARCHIVED`.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_enum_name")]
    status: Option<WorkflowState>,
    /// Filter by creation time: only workflows created after this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<jiff::Timestamp>,
    /// Filter by creation time: only workflows created before this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<jiff::Timestamp>,
}

/// List workflows
///
/// Returns a page of the tenant's workflows, newest first by default. Requires the permission `workflow.read`.
#[utoipa::path(
    get, path = "/v1/workflows", tag = "workflows",
    params(PageParameters, Parameters, Fields<WorkflowSummaryField>),
    responses((status = OK, description = "Page of workflows", body = List<WorkflowSummary>))
)]
pub(in crate::http) async fn list_workflows(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters, WorkflowSummaryField>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after, created_before } = request.filter;
    let filter = Filter { state: status, created: created(created_after, created_before) };
    let page = app::workflows::list(&app, tenant.scope, filter, &request.paging).await?;
    let total = request.total_count(app::workflows::count(&app, tenant.scope, filter)).await?;
    Ok(request.response(page, total, WorkflowSummary::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// Users see all workflows of their own tenant and no others.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_tenant_sees_its_own_workflows(pool: PgPool) {
        let server = Server::start(&pool).await;
        insta::assert_json_snapshot!(server.get("acme", "viewer", "/v1/workflows").await.body);
        let globex = server.get("globex", "viewer", "/v1/workflows").await;
        assert_eq!(globex.body["data"], serde_json::json!([]));
    }

    /// A cursor is refused for a list with another tenant, filter or order, where it would skip objects.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_cursor_belongs_to_its_tenant_filter_and_sort(pool: PgPool) {
        let server = Server::start(&pool).await;
        let page = server.get("acme", "viewer", "/v1/workflows?limit=1").await;
        let cursor = page.body["page"]["nextCursor"].as_str().unwrap();
        let path_with = |query: &str| format!("/v1/workflows?limit=1&cursor={cursor}{query}");
        assert_eq!(server.get("acme", "viewer", &path_with("")).await.status, 200);
        for (tenant, query) in [("acme", "&status=ACTIVE"), ("acme", "&sort=createdAt"), ("globex", "")] {
            let answer = server.get(tenant, "viewer", &path_with(query)).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("invalid_cursor")));
        }
    }
}
