//! `PATCH /v1/documents/{id}`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::resource::Document;
use crate::{
    app::{self, App, documents::Patch},
    http::{
        authorize::Member,
        etag::IfMatch,
        extract::{Id, MergePatch},
    },
    problem::Problem,
};

/// Change of a document. Absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct UpdateDocument {
    /// New name of the file: 1 to 255 characters without `/`.
    file_name: Option<String>,
    /// All metadata that the user gives, which replaces the earlier one; at most 4 KiB as JSON with 64 values.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// All tags, which replace the earlier ones; at most 32 of 1 to 64 characters.
    tags: Option<Vec<String>>,
}

/// Change a document
///
/// Changes the name, the metadata or the tags of a document. Its content is changed with `PUT /v1/documents/{id}/content`.
///
/// Requires the permission `document.update`. Fails with 403 `forbidden` if a policy does not permit the caller to change the document
/// with its present or its new tags, 404 `not_found`, 409 `conflict` if it is being deleted, 412 `precondition_failed` if the request has
/// `If-Match` and the document was changed since the client read it, 415 `unsupported_media_type`, 422 `invalid`, or 423
/// `tenant_suspended`.
#[utoipa::path(
    patch, path = "/v1/documents/{id}", tag = "documents",
    params(
        ("id" = Uuid, Path, description = "ID of the document"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the document, or `*` for any state"),
    ),
    request_body(content = UpdateDocument, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed document", body = Document))
)]
pub(in crate::http) async fn update_document(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    condition: Option<IfMatch>,
    MergePatch(body): MergePatch<UpdateDocument>,
) -> Result<Response, Problem> {
    let UpdateDocument { file_name, metadata, tags } = body;
    let patch = Patch { file_name, metadata: metadata.map(Value::Object), tags };
    let version = condition.and_then(IfMatch::generation);
    let document = app::documents::update(&app, tenant.scope, id, version, patch).await?;
    Ok(Document::response(tenant.scope, document))
}
