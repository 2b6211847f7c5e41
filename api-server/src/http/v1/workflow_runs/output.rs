//! `GET /v1/workflow-runs/{id}/output` and `GET /v1/workflow-runs/{id}/steps/{name}/output`

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use crds::run::OutputRef;
use uuid::Uuid;

use crate::{
    app::{self, runs::Content},
    http::{
        authorize::Member,
        extract::Id,
        problem::{Code, Problem},
    },
    state::AppState,
};

/// What a run returned, as bytes of its media type, however large.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/output", tag = "runs",
    params(("id" = Uuid, Path, description = "The run's id")),
    responses((status = OK, description = "The output; JSON where it was small", content_type = "*/*"))
)]
pub(in crate::http) async fn get_run_output(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<Response, Problem> {
    Ok(answer(app::runs::output(&state, tenant.scope, id).await?))
}

/// What a step of a run returned, as bytes of its media type, however large.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/steps/{name}/output", tag = "runs",
    params(
        ("id" = Uuid, Path, description = "The run's id"),
        ("name" = String, Path, description = "The step's name"),
    ),
    responses((status = OK, description = "The output; JSON where it was small", content_type = "*/*"))
)]
pub(in crate::http) async fn get_step_output(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    path: Result<Path<(Uuid, String)>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    let Path((id, name)) = path.map_err(|_| Problem::new(Code::NotFound))?;
    Ok(answer(app::runs::step_output(&state, tenant.scope, id, &name).await?))
}

/// The media type is the step's to choose: a browser must neither guess another, nor show what may be a page.
fn answer(content: Content) -> Response {
    match content {
        Content::Inline(value) => Json(value).into_response(),
        Content::Stored { reference: OutputRef { uri: _, bytes, sha256, media_type }, reading } => {
            let headers = [
                (header::CONTENT_TYPE, media_type),
                (header::CONTENT_LENGTH, bytes.to_string()),
                (header::ETAG, format!("\"{sha256}\"")),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
                (header::CONTENT_DISPOSITION, "attachment".to_owned()),
            ];
            (headers, Body::from_stream(reading.stream)).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use protocol::internal::output_path;
    use serde_json::json;
    use sha2::{Digest as _, Sha256};
    use sqlx::PgPool;

    use crate::http::testing::{FAILED_RUN, HOLDER, QUEUED_RUN, RUN, Server};

    /// A large output can be seen in the run's status and fetched by nobody.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_stored_output_is_given_with_its_media_type(pool: PgPool) {
        let server = Server::start(&pool).await;
        let bytes = b"a;b\n".repeat(50_000);
        let digest = hex::encode(Sha256::digest(&bytes));
        let request = Request::put(output_path(QUEUED_RUN, &digest)).header("content-type", "text/csv");
        let reference = server.internal(HOLDER, request, bytes.clone()).await.body;
        let steps = json!([{"name": "write", "phase": "Succeeded", "outputRef": reference}]);
        let status = json!({"phase": "Succeeded", "outputRef": reference, "steps": steps});
        server.set_status(QUEUED_RUN, status).await;
        for path in ["output", "steps/write/output"] {
            let answer =
                server.get("acme", "viewer", &format!("/v1/workflow-runs/{QUEUED_RUN}/{path}")).await;
            assert_eq!((answer.status, answer.bytes == bytes), (200, true), "{path}");
            assert_eq!(answer.headers["content-type"], "text/csv");
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        }
        let foreign = server.get("globex", "owner", &format!("/v1/workflow-runs/{QUEUED_RUN}/output")).await;
        assert_eq!(foreign.status, 404);
    }

    /// A client needs two ways to read outputs, by their size.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_small_output_is_given_as_json(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer =
            server.get("acme", "viewer", &format!("/v1/workflow-runs/{RUN}/steps/fetch/output")).await;
        assert_eq!((answer.status, answer.body), (200, json!({"total": 42})));
        for missing in [format!("{RUN}/steps/none/output"), format!("{FAILED_RUN}/output")] {
            assert_eq!(
                server.get("acme", "viewer", &format!("/v1/workflow-runs/{missing}")).await.status,
                404
            );
        }
    }
}
