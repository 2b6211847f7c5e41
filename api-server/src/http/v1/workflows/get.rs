//! `GET /v1/workflows/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::Workflow;
use crate::{
    app,
    http::{authorize::Member, etag, extract::Id, problem::Problem},
    state::AppState,
};

/// One workflow.
#[utoipa::path(
    get, path = "/v1/workflows/{id}", tag = "workflows",
    params(("id" = Uuid, Path, description = "The workflow's id")),
    responses((status = OK, description = "The workflow", body = Workflow))
)]
pub(in crate::http) async fn get_workflow(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let workflow = app::workflows::get(&state, tenant.scope, id).await?;
    Ok(etag::tagged(&headers, &Workflow::from(workflow)))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Server, WORKFLOW};

    /// A client cannot see what a workflow does and takes.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_workflow_is_shown_whole(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflows/{WORKFLOW}")).await;
        insta::assert_json_snapshot!(answer.body);
    }

    /// A stranger learns which ids another business has.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn anothers_workflow_answers_as_a_missing_one(pool: PgPool) {
        let server = Server::start(&pool).await;
        let mut bodies = Vec::new();
        for id in [WORKFLOW, "00000000-0000-4000-8000-00000000dead", "nonsense"] {
            let answer = server.get("globex", "viewer", &format!("/v1/workflows/{id}")).await;
            assert_eq!(answer.status, 404);
            bodies.push(answer.without_request());
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    }
}
