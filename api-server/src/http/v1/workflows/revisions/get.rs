//! `GET /v1/workflows/{id}/revisions/{name}`

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use uuid::Uuid;

use super::resource::RevisionDetails;
use crate::{
    app::{self, App},
    http::{authorize::Member, etag},
    problem::{Code, Problem},
};

/// Get a revision of a workflow
///
/// Returns a revision with the definition of the workflow. Requires the permission `workflow.read`. Fails with 404 `not_found` if the
/// tenant has no such workflow, or the workflow no such revision any more, or with 503 `unavailable` if the Kubernetes API cannot be
/// reached.
#[utoipa::path(
    get, path = "/v1/workflows/{id}/revisions/{name}", tag = "workflows",
    params(
        ("id" = Uuid, Path, description = "ID of the workflow"),
        ("name" = String, Path, description = "Name of the revision"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Revision", body = RevisionDetails),
        (status = NOT_MODIFIED, description = "The revision has not changed"),
    )
)]
pub(in crate::http) async fn get_revision(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    path: Result<Path<(Uuid, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((id, name)) = path.map_err(|_| Problem::new(Code::NotFound))?;
    let (details, _reservation) = app::workflows::revision(&app, tenant.scope, id, &name).await?;
    Ok(etag::with_etag(&headers, &RevisionDetails::from(details)))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Server, WORKFLOW};

    /// A revision is returned with its definition, and one of another workflow is not found.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_revision_has_the_definition(pool: PgPool) {
        let server = Server::start(&pool).await;
        let other = "00000000-0000-4000-8000-00000000dead";
        server.kubernetes.set_revisions("invoice", &[(1, WORKFLOW, "aaa"), (9, other, "ddd")]);
        let path = |name: &str| format!("/v1/workflows/{WORKFLOW}/revisions/{name}");
        let answer = server.get("acme", "viewer", &path("invoice-aaa")).await;
        assert_eq!((answer.status, &answer.body["number"]), (200, &1.into()), "{}", answer.body);
        assert_eq!(answer.body["definition"]["timeout"], "1m");
        for name in ["invoice-ddd", "invoice-zzz", "..", "%2e%2e%2fsecrets", "a%20b"] {
            assert_eq!(server.get("acme", "viewer", &path(name)).await.status, 404, "{name}");
        }
        let tag = answer.headers["etag"].to_str().unwrap();
        let again = server.get_with("acme", "viewer", &path("invoice-aaa"), "if-none-match", tag).await;
        assert_eq!(again.status, 304);
    }
}
