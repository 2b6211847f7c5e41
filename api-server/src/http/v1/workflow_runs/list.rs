//! `GET /v1/workflow-runs`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::resource::RunSummary;
use crate::{
    app::{self, runs::Filter},
    db::Timestamp,
    http::{
        authorize::Member,
        list::{List, ListRequest, PageParameters},
        problem::Problem,
    },
    state::AppState,
    store::RunStatus,
};

/// Which runs to list.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Parameters {
    /// Only runs that stand so: `QUEUED`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `CANCELLED`, `TIMED_OUT`.
    #[param(value_type = Option<String>)]
    pub(in crate::http::v1) status: Option<RunStatus>,
    /// Only runs created after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    pub(in crate::http::v1) created_after: Option<Timestamp>,
}

/// The tenant's runs.
#[utoipa::path(
    get, path = "/v1/workflow-runs", tag = "runs", params(PageParameters, Parameters),
    responses((status = OK, description = "A page of runs", body = List<RunSummary>))
)]
pub(in crate::http) async fn list_runs(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after } = request.filter;
    let filter = Filter { workflow: None, status, created_after };
    let page = app::runs::list(&state, tenant.scope, filter, &request.paging).await?;
    Ok(request.answer(page, RunSummary::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// Who looks for failed runs finds others, or misses some.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn runs_are_filtered_by_status(pool: PgPool) {
        let server = Server::start(&pool).await;
        let failed = server.get("acme", "viewer", "/v1/workflow-runs?status=FAILED").await;
        insta::assert_json_snapshot!(failed.body);
        let none = server.get("acme", "viewer", "/v1/workflow-runs?createdAfter=2030-01-01T00:00:00Z").await;
        assert_eq!(none.body["data"], serde_json::json!([]));
        let nonsense = server.get("acme", "viewer", "/v1/workflow-runs?status=failed").await;
        assert_eq!(nonsense.body["code"], "invalid_parameter");
    }

    /// Whoever follows `Link` to the end misses runs, or sees one twice.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_link_leads_to_the_next_page(pool: PgPool) {
        let server = Server::start(&pool).await;
        let mut path = Some("/v1/workflow-runs?limit=2".to_owned());
        let mut names = Vec::new();
        while let Some(at) = path {
            let page = server.get("acme", "viewer", &at).await;
            names.extend(page.body["data"].as_array().unwrap().iter().map(|run| run["name"].clone()));
            path = page.headers.get("link").map(|link| {
                let link = link.to_str().unwrap();
                link[1..link.find('>').unwrap()].to_owned()
            });
        }
        assert_eq!(names, ["report-1", "invoice-2", "invoice-1"]);
    }
}
