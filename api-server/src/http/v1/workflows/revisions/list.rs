//! `GET /v1/workflows/{id}/revisions`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::resource::Revision;
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Revisions of a workflow, all on one page.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Revisions {
    /// Revisions, newest first.
    data: Vec<Revision>,
}

/// List the revisions of a workflow
///
/// Returns the revisions that exist in the cluster, newest first: the ten newest, and those that unfinished runs execute. Requires the
/// permission `workflow.read`. Fails with 404 `not_found` if the tenant has no such workflow, or with 503 `unavailable` if the
/// Kubernetes API cannot be reached: revisions are not stored in the database.
#[utoipa::path(
    get, path = "/v1/workflows/{id}/revisions", tag = "workflows",
    params(("id" = Uuid, Path, description = "ID of the workflow")),
    responses((status = OK, description = "Revisions", body = Revisions))
)]
pub(in crate::http) async fn list_revisions(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<Json<Revisions>, Problem> {
    let found = app::workflows::revisions(&app, tenant.scope, id).await?;
    Ok(Json(Revisions { data: found.into_iter().map(Revision::from).collect() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{Server, WORKFLOW};

    /// The revisions of a workflow are listed, newest first, and none of an earlier workflow of its name.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn revisions_are_listed_newest_first(pool: PgPool) {
        let server = Server::start(&pool).await;
        let other = "00000000-0000-4000-8000-00000000dead";
        let objects = [(1, WORKFLOW, "aaa"), (3, WORKFLOW, "ccc"), (2, WORKFLOW, "bbb"), (9, other, "ddd")];
        server.kubernetes.set_revisions("invoice", &objects);
        let path = format!("/v1/workflows/{WORKFLOW}/revisions");
        let answer = server.get("acme", "viewer", &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let found = answer.body["data"].as_array().unwrap();
        let found: Vec<_> = found.iter().map(|r| json!([r["name"], r["number"], r["digest"]])).collect();
        assert_eq!(
            json!(found),
            json!([["invoice-ccc", 3, "ccc"], ["invoice-bbb", 2, "bbb"], ["invoice-aaa", 1, "aaa"]])
        );
        assert_eq!(server.get("globex", "viewer", &path).await.status, 404);
        server.kubernetes.go_down();
        assert_eq!(server.get("acme", "viewer", &path).await.status, 503);
    }
}
