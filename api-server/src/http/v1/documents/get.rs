//! `GET /v1/documents/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{Document, DocumentField};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, fields::Fields},
    problem::Problem,
};

/// Get a document
///
/// Returns a document of the tenant. Requires the permission `document.read`. Fails with 404 `not_found` if the tenant has no such
/// document.
#[utoipa::path(
    get, path = "/v1/documents/{id}", tag = "documents",
    params(
        ("id" = Uuid, Path, description = "ID of the document"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<DocumentField>,
    ),
    responses(
        (status = OK, description = "Document", body = Document),
        (status = NOT_MODIFIED, description = "The document has not changed"),
    )
)]
pub(in crate::http) async fn get_document(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    fields: Fields<DocumentField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let document = app::documents::get(&app, tenant.scope, id).await?;
    Ok(Document::selected(tenant.scope, document, &headers, &fields))
}
