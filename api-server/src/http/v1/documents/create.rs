//! `POST /v1/documents`

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::resource::{Document, path};
use crate::{
    app::{
        self, App,
        documents::{Create, NewDocument},
        idempotency::IdempotencyKey,
    },
    http::{authorize::Member, extract::Json, idempotency::replayed},
    problem::Problem,
};

/// New document.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"fileName": "handbook.pdf", "mimeType": "application/pdf", "tags": ["handbook"]}))]
pub(in crate::http) struct CreateDocument {
    /// Name of the file: 1 to 255 characters without `/`.
    #[schema(example = "handbook.pdf")]
    file_name: String,
    /// Media type of the content that is uploaded later. Content of another type is refused with `TYPE_MISMATCH`. Default: any type.
    #[schema(example = "application/pdf")]
    mime_type: Option<String>,
    /// Metadata, at most 4 KiB as JSON with 64 values. Default: none.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// Tags, at most 32 of 1 to 64 characters. Policies can name them. Default: none.
    #[serde(default)]
    #[schema(example = json!(["handbook"]))]
    tags: Vec<String>,
}

/// Create a document
///
/// Creates a document without content, whose status is `PENDING`. Upload its content with `PUT /v1/documents/{id}/content`; it is then
/// read, and the status is `READY` or `FAILED`. With an `Idempotency-Key`, a retry returns the document that the first request has
/// created and the header `Idempotent-Replayed: true`.
///
/// Requires the permission `document.create`. Fails with 403 `forbidden` if a policy does not permit a document with these tags, 409
/// `plan_limit_reached`, 409 `idempotency_in_flight`, 422 `invalid`, 422 `idempotency_key_reused`, 423 `tenant_suspended`, or 501
/// `no_object_storage`.
#[utoipa::path(
    post, path = "/v1/documents", tag = "documents",
    params(("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours")),
    request_body = CreateDocument,
    responses((status = CREATED, description = "Document that was created", body = Document,
               headers(("Location" = String, description = "Path of the document"))))
)]
pub(in crate::http) async fn create_document(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    key: Option<IdempotencyKey>,
    Json(body): Json<CreateDocument>,
) -> Result<Response, Problem> {
    let CreateDocument { file_name, mime_type, metadata, tags } = body;
    let document =
        NewDocument { file_name, declared_type: mime_type, metadata: Value::Object(metadata), tags };
    let create = Create { document, requested_by: principal.email, key };
    let (document, outcome) = app::documents::create(&app, tenant.scope, create).await?;
    let location = HeaderValue::from_str(&path(document.id));
    let mut response = Document::response(tenant.scope, document);
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().extend(location.ok().map(|location| (header::LOCATION, location)));
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
