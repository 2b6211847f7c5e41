//! `GET /v1/workflow-runs`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::{RunSummary, RunSummaryField};
use crate::{
    app::{self, App, runs::Filter},
    http::{
        authorize::Member,
        extract::optional_enum_name,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
    },
    problem::Problem,
    store::{RunStatus, runs::RunColumns},
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
    /// Filter by creation time: only runs created before this RFC 3339 time.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(in crate::http::v1) created_before: Option<jiff::Timestamp>,
}

/// List runs
///
/// Returns a page of the tenant's runs, newest first by default. Requires the permission `workflow.run.read`.
#[utoipa::path(
    get, path = "/v1/workflow-runs", tag = "runs", params(PageParameters, Parameters, Fields<RunSummaryField>),
    responses((status = OK, description = "Page of runs", body = List<RunSummary>))
)]
pub(in crate::http) async fn list_runs(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters, RunSummaryField>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after, created_before } = request.filter;
    let filter = Filter { workflow: None, status, created: created(created_after, created_before) };
    let columns = columns(&request.fields);
    let page = app::runs::list_columns(&app, tenant.scope, filter, &request.paging, columns).await?;
    let total = request.total_count(app::runs::count(&app, tenant.scope, filter)).await?;
    Ok(request.response(page, total, RunSummary::from))
}

/// Returns the columns that the selected fields need.
pub(in crate::http::v1) fn columns(fields: &Fields<RunSummaryField>) -> RunColumns {
    match fields.has_any(&RunSummaryField::LARGE) {
        true => RunColumns::All,
        false => RunColumns::Small,
    }
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

    /// The number of runs is returned on request, and is that of all pages.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_runs_are_counted_on_request(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (query, expected) in [
            ("limit=1&include=totalCount", serde_json::json!("3")),
            ("limit=1&include=totalCount&status=FAILED", serde_json::json!("1")),
            ("limit=1", serde_json::Value::Null),
        ] {
            let page = server.get("acme", "viewer", &format!("/v1/workflow-runs?{query}")).await;
            assert_eq!((page.status, &page.body["page"]["totalCount"]), (200, &expected), "{query}");
        }
        let unknown = server.get("acme", "viewer", "/v1/workflow-runs?include=steps").await;
        assert_eq!((unknown.status, unknown.body["code"].as_str()), (400, Some("invalid_parameter")));
    }

    /// A list without large fields has the values of all others.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn selected_fields_have_the_same_values(pool: PgPool) {
        let server = Server::start(&pool).await;
        let complete = server.get("acme", "viewer", "/v1/workflow-runs?status=FAILED").await;
        for fields in ["id,name,priority,createdAt,finishedAt", "status,error", "trigger,queue,ending"] {
            let path = format!("/v1/workflow-runs?status=FAILED&fields={fields}");
            let selected = server.get("acme", "viewer", &path).await;
            for name in fields.split(',') {
                assert_eq!(selected.body["data"][0][name], complete.body["data"][0][name], "{name}");
            }
        }
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
