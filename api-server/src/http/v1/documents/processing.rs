//! `POST /v1/documents/{id}/processing`

use axum::{extract::State, http::StatusCode, response::Response};

use super::resource::Document;
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Process a document again
///
/// Reads the content of a document again, for example after a failure whose cause is gone. The chunks remain until the new ones replace
/// them.
///
/// Requires the permission `document.process`. Fails with 404 `not_found`, 409 `conflict` if the document has no content or is being
/// deleted, or 423 `tenant_suspended`.
#[utoipa::path(
    post, path = "/v1/documents/{id}/processing", tag = "documents",
    params(("id" = Uuid, Path, description = "ID of the document")),
    responses((status = ACCEPTED, description = "The content will be read", body = Document))
)]
pub(in crate::http) async fn process_document(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<Response, Problem> {
    let document = app::documents::process(&app, tenant.scope, id).await?;
    let mut response = Document::response(tenant.scope, document);
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
