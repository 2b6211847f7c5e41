//! `DELETE /v1/documents/{id}`

use axum::{extract::State, http::StatusCode, response::Response};

use super::resource::Document;
use crate::{
    app::{self, App},
    http::{authorize::Member, etag::IfMatch, extract::Id},
    problem::Problem,
};

/// Delete a document
///
/// Deletes a document with its content and its chunks. The status is `DELETING` until all of it is deleted; the document does not exist
/// then. Repeating the request has no further effect.
///
/// Requires the permission `document.delete`. Fails with 404 `not_found`, 412 `precondition_failed` if the request has `If-Match` and the
/// document was changed since the client read it, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/documents/{id}", tag = "documents",
    params(
        ("id" = Uuid, Path, description = "ID of the document"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the document, or `*` for any state"),
    ),
    responses((status = ACCEPTED, description = "The document is being deleted", body = Document))
)]
pub(in crate::http) async fn delete_document(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
) -> Result<Response, Problem> {
    let version = condition.and_then(IfMatch::generation);
    let document = app::documents::delete(&app, tenant.scope, id, version).await?;
    let mut response = Document::response(tenant.scope, document);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
