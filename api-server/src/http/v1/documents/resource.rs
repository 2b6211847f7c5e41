//! The JSON representation of a document.

use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::documents,
    auth::TenantScope,
    http::{
        etag,
        fields::Fields,
        v1::{json::AnyJson, time::Time},
    },
    store::{self, documents::DocumentStatus as Stored},
};

/// Status of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::http) enum DocumentStatus {
    /// The document has no content yet, or its content waits to be read.
    Pending,
    /// The content is being read. The chunks of an earlier content remain meanwhile.
    Processing,
    /// The chunks are those of the content.
    Ready,
    /// The content cannot be used; `error` says why.
    Failed,
    /// The document is being deleted with its content and its chunks.
    Deleting,
}

/// Reason why the content of a document cannot be used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct DocumentError {
    /// Machine-readable code: `UNSUPPORTED_TYPE`, `TYPE_MISMATCH`, `TOO_LARGE`, `EMPTY_TEXT`, `NEEDS_OCR`, `ENCRYPTED`, `CORRUPT`,
    /// `DECOMPRESSION_BOMB`, `PARSE_TIMEOUT`, `PARSE_OOM`, `QUOTA_EXCEEDED`, `OBJECT_NOT_FOUND`, `STORAGE_UNAVAILABLE` or
    /// `PARSER_UNAVAILABLE`. A document with one of the last two may succeed when it is processed again.
    #[schema(example = "ENCRYPTED")]
    code: String,
    /// Explanation of the error.
    #[schema(example = "the document requires a password")]
    message: String,
}

/// Document of the knowledge base.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Document {
    /// Immutable ID of the document.
    id: Uuid,
    /// ID of the tenant.
    tenant_id: Uuid,
    /// Email address of the user, or name of the service account, that has created the document.
    #[schema(example = "anna@acme.example")]
    uploaded_by: String,
    /// Path of the content in this API.
    #[schema(example = "/v1/documents/01978c5e-0000-7000-8000-000000000001/content")]
    uri: String,
    /// Name of the file.
    #[schema(example = "handbook.pdf")]
    file_name: String,
    /// Media type: the one that the content was found to have, or the declared one until it was read. Null if neither is known.
    #[schema(example = "application/pdf", required = true)]
    mime_type: Option<String>,
    /// Metadata: what the content says, such as its title, and what the user has given, which takes precedence.
    metadata: AnyJson,
    /// Tags in alphabetical order.
    #[schema(example = json!(["handbook"]))]
    tags: Vec<String>,
    /// Status of the document.
    status: DocumentStatus,
    /// Reason why the content cannot be used. Null unless the status is `FAILED`.
    #[schema(required = true)]
    error: Option<DocumentError>,
    /// SHA-256 of the content as 64 lower-case hex digits. Null until there is one.
    #[schema(required = true)]
    content_sha256: Option<String>,
    /// Size of the content in bytes. Null until there is one.
    #[schema(example = 48213, required = true)]
    size_bytes: Option<i64>,
    /// Number of the content that was uploaded last, starting at 1. Null until there is one.
    #[schema(example = 1, required = true)]
    content_version: Option<i32>,
    /// Number of pages. Null if the content was not read yet, or has no pages.
    #[schema(example = 12, required = true)]
    page_count: Option<i32>,
    /// Number of chunks.
    #[schema(example = 40)]
    chunk_count: i32,
    /// Time at which the document was created.
    created_at: Time,
    /// Time of the last change of the document.
    updated_at: Time,
}

/// Fields of [`Document`], which a response can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum DocumentField {
    Id,
    TenantId,
    UploadedBy,
    Uri,
    FileName,
    MimeType,
    Metadata,
    Tags,
    Status,
    Error,
    ContentSha256,
    SizeBytes,
    ContentVersion,
    PageCount,
    ChunkCount,
    CreatedAt,
    UpdatedAt,
}

impl Document {
    pub(super) fn new(scope: TenantScope, document: store::documents::Document) -> Self {
        let metadata = documents::metadata(&document);
        let store::documents::Document {
            id,
            uploaded_by,
            file_name,
            declared_type,
            mime_type,
            metadata: _,
            parsed_metadata: _,
            tags,
            status,
            error_code,
            error_message,
            content_version,
            indexed_version: _,
            size_bytes,
            content_sha256,
            page_count,
            chunk_count,
            version: _,
            created_at,
            updated_at,
        } = document;
        let error = error_code.map(|code| DocumentError { code, message: error_message.unwrap_or_default() });
        Self {
            id,
            tenant_id: scope.tenant_id(),
            uploaded_by,
            uri: path(id) + "/content",
            file_name,
            mime_type: mime_type.or(declared_type),
            metadata: metadata.into(),
            tags,
            status: status.into(),
            error,
            content_sha256,
            size_bytes,
            content_version,
            page_count,
            chunk_count,
            created_at: created_at.into(),
            updated_at: updated_at.into(),
        }
    }

    /// Returns the response with a document, whose tag has its version.
    pub(super) fn response(scope: TenantScope, document: store::documents::Document) -> Response {
        let version = document.version;
        etag::with_generation(&HeaderMap::new(), version, &Self::new(scope, document))
    }

    /// Returns the response with fields of a document and its tag.
    pub(super) fn selected(
        scope: TenantScope,
        document: store::documents::Document,
        request: &HeaderMap,
        fields: &Fields<DocumentField>,
    ) -> Response {
        let version = document.version;
        let selected = fields.select(Self::new(scope, document));
        fields.mark(etag::with_generation(request, version, &selected))
    }
}

/// Returns the path of a document.
pub(super) fn path(id: Uuid) -> String {
    format!("/v1/documents/{id}")
}

impl From<Stored> for DocumentStatus {
    fn from(status: Stored) -> Self {
        match status {
            Stored::Pending => Self::Pending,
            Stored::Processing => Self::Processing,
            Stored::Ready => Self::Ready,
            Stored::Failed => Self::Failed,
            Stored::Deleting => Self::Deleting,
        }
    }
}
