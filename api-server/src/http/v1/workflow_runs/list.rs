//! `GET /v1/workflow-runs`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::RunSummary;
use crate::{
    app::{self, App, runs::Filter},
    http::{
        authorize::Member,
        extract::optional_enum_name,
        list::{List, ListRequest, PageParameters},
    },
    problem::Problem,
    store::RunStatus,
};

/// Filters of the list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Filter by status: `QUEUED`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `CANCELLED` or `TIMED_OUT`.
    #[param(value_type = Option<String>)]
    #[serde(default, deserialize_with = "optional_enum_name")]
    pub(in crate::http::v1) status: Option<RunStatus>,
    /// Filter by creation time: only runs created after this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(in crate::http::v1) created_after: Option<jiff::Timestamp>,
}

/// List runs
///
/// Returns a page of the tenant's runs, newest first by default. Requires the permission `workflow.run.read`.
#[utoipa::path(
    get, path = "/v1/workflow-runs", tag = "runs", params(PageParameters, Parameters),
    responses((status = OK, description = "Page of runs", body = List<RunSummary>))
)]
pub(in crate::http) async fn list_runs(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after } = request.filter;
    let filter = Filter { workflow: None, status, created_after: created_after.map(Into::into) };
    let page = app::runs::list(&app, tenant.scope, filter, &request.paging).await?;
    Ok(request.response(page, RunSummary::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// The filter returns exactly the runs with the status.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn runs_are_filtered_by_status(pool: PgPool) {
        let server = Server::start(&pool).await;
        let failed = server.get("acme", "viewer", "/v1/workflow-runs?status=FAILED").await;
        insta::assert_json_snapshot!(failed.body);
        let none = server.get("acme", "viewer", "/v1/workflow-runs?createdAfter=2030-01-01T00:00:00Z").await;
        assert_eq!(none.body["data"], serde_json::json!([]));
        let as_in_kubernetes = server.get("acme", "viewer", "/v1/workflow-runs?status=Failed").await;
        assert_eq!(as_in_kubernetes.body, failed.body);
        let nonsense = server.get("acme", "viewer", "/v1/workflow-runs?status=broken").await;
        assert_eq!(nonsense.body["code"], "invalid_parameter");
        assert!(nonsense.body["detail"].as_str().unwrap().contains("`TIMED_OUT`"), "{}", nonsense.body);
    }

    /// Following `Link` returns every run exactly once.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_link_leads_to_the_next_page(pool: PgPool) {
        let server = Server::start(&pool).await;
        let mut path = Some("/v1/workflow-runs?limit=2".to_owned());
        let mut names = Vec::new();
        while let Some(current) = path {
            let page = server.get("acme", "viewer", &current).await;
            names.extend(page.body["data"].as_array().unwrap().iter().map(|run| run["name"].clone()));
            path = page.headers.get("link").map(|link| {
                let link = link.to_str().unwrap();
                link[1..link.find('>').unwrap()].to_owned()
            });
        }
        assert_eq!(names, ["report-1", "invoice-2", "invoice-1"]);
    }
}
