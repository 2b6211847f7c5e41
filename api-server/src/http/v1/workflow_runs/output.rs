//! `GET /v1/workflow-runs/{id}/output` and `GET /v1/workflow-runs/{id}/steps/{name}/output`

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use crds::run::OutputRef;

use crate::{
    app::{self, App, runs::Content},
    http::{authorize::Member, etag, extract::RunReference, v1::json::AnyJson},
    problem::{Code, Problem},
};

/// Get the output of a run
///
/// Returns the output in its media type. Inline outputs are `application/json`; outputs in object storage are returned
/// in full, at most 16 MiB. Requires the permission `workflow.run.read`. Fails with 404 `not_found` if there is no such
/// run or it has no output, or with 501 `no_object_storage`.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/output", tag = "runs",
    params(
        ("id" = String, Path, description = "ID, UID or name of the run"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Output: JSON if it is inline, else bytes of the media type that the step chose",
         content((AnyJson = "application/json"), (String = "*/*"))),
        (status = NOT_MODIFIED, description = "The output has not changed"),
    )
)]
pub(in crate::http) async fn get_run_output(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(reference): RunReference,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(response(&headers, app::runs::output(&app, tenant.scope, &reference).await?))
}

/// Get the output of a step
///
/// Returns the output in its media type. Inline outputs are `application/json`; outputs in object storage are returned
/// in full, at most 16 MiB. Requires the permission `workflow.run.read`. Fails with 404 `not_found` if there is no such
/// run or step or it has no output, or with 501 `no_object_storage`.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/steps/{name}/output", tag = "runs",
    params(
        ("id" = String, Path, description = "ID, UID or name of the run"),
        ("name" = String, Path, description = "Name of the step"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Output: JSON if it is inline, else bytes of the media type that the step chose",
         content((AnyJson = "application/json"), (String = "*/*"))),
        (status = NOT_MODIFIED, description = "The output has not changed"),
    )
)]
pub(in crate::http) async fn get_step_output(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(reference): RunReference,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((_, name)) = path.map_err(|_| Problem::new(Code::NotFound))?;
    Ok(response(&headers, app::runs::step_output(&app, tenant.scope, &reference, &name).await?))
}

/// Builds the response. The step chooses the media type, so a browser must neither guess another nor display a page.
fn response(request: &HeaderMap, content: Content) -> Response {
    match content {
        Content::Inline(value) => etag::with_etag(request, &value),
        Content::Stored { reference, .. }
            if etag::is_known(request, &format!("\"{}\"", reference.sha256)) =>
        {
            (StatusCode::NOT_MODIFIED, [(header::ETAG, format!("\"{}\"", reference.sha256))]).into_response()
        }
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

    use crate::http::testing::{ASSIGNEE, FAILED_RUN, QUEUED_RUN, RUN, Server};

    /// Checks that a client that has an output does not download it again.
    async fn assert_is_sent_once(server: &Server, path: &str) {
        let tag = server.get("acme", "viewer", path).await.headers["etag"].clone();
        let again = server.get_with("acme", "viewer", path, "if-none-match", tag.to_str().unwrap()).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
        assert_eq!(again.headers["etag"], tag);
        assert_eq!(server.get_with("acme", "viewer", path, "if-none-match", "\"0\"").await.status, 200);
    }

    /// An output in object storage can be downloaded by its tenant, with its media type.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_stored_output_is_returned_with_its_media_type(pool: PgPool) {
        let server = Server::start(&pool).await;
        let bytes = b"a;b\n".repeat(50_000);
        let digest = hex::encode(Sha256::digest(&bytes));
        let request = Request::put(output_path(QUEUED_RUN, &digest)).header("content-type", "text/csv");
        let reference = server.internal(ASSIGNEE, request, bytes.clone()).await.body;
        let steps = json!([{"name": "write", "phase": "Succeeded", "outputRef": reference}]);
        let status = json!({"phase": "Succeeded", "outputRef": reference, "steps": steps});
        server.set_status(QUEUED_RUN, status).await;
        for path in ["output", "steps/write/output"] {
            let answer =
                server.get("acme", "viewer", &format!("/v1/workflow-runs/{QUEUED_RUN}/{path}")).await;
            assert_eq!((answer.status, answer.bytes == bytes), (200, true), "{path}");
            assert_eq!(answer.headers["content-type"], "text/csv");
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
            assert_is_sent_once(&server, &format!("/v1/workflow-runs/{QUEUED_RUN}/{path}")).await;
        }
        let foreign = server.get("globex", "owner", &format!("/v1/workflow-runs/{QUEUED_RUN}/output")).await;
        assert_eq!(foreign.status, 404);
    }

    /// The same endpoint returns outputs of any size.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_inline_output_is_returned_as_json(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer =
            server.get("acme", "viewer", &format!("/v1/workflow-runs/{RUN}/steps/fetch/output")).await;
        assert_eq!((answer.status, answer.body), (200, json!({"total": 42})));
        assert_is_sent_once(&server, &format!("/v1/workflow-runs/{RUN}/steps/fetch/output")).await;
        for missing in [format!("{RUN}/steps/none/output"), format!("{FAILED_RUN}/output")] {
            assert_eq!(
                server.get("acme", "viewer", &format!("/v1/workflow-runs/{missing}")).await.status,
                404
            );
        }
    }
}
