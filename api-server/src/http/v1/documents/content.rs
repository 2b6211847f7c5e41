//! `PUT /v1/documents/{id}/content` and `GET /v1/documents/{id}/content`

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, TryStreamExt as _};
use headers::{ContentLength, HeaderMapExt as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use super::resource::Document;
use crate::{
    app::{
        self, App,
        documents::{Download, MAX_DOCUMENT_BYTES, Upload},
    },
    http::{authorize::Member, etag, extract::Id, timeout::TRANSFER_TIMEOUT},
    objects::ObjectContent,
    problem::{Code, Problem},
};

/// Header with the SHA-256 that the content must have.
const SHA256_HEADER: &str = "content-sha256";
const OCTET_STREAM: &str = "application/octet-stream";

/// Content of a document, as OpenAPI describes it.
struct DocumentContent;

impl PartialSchema for DocumentContent {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("Bytes of a document; at most 50 MiB."))
            .max_length(usize::try_from(MAX_DOCUMENT_BYTES).ok())
            .into()
    }
}

impl ToSchema for DocumentContent {
    fn name() -> std::borrow::Cow<'static, str> {
        "DocumentContent".into()
    }
}

/// Upload the content of a document
///
/// Stores the body as the content of a document, which is then read: the status is `PENDING`, then `PROCESSING`, and `READY` or `FAILED`
/// in the end. Another upload replaces the content; the chunks of the earlier one remain until then. A failed upload changes nothing and
/// can be repeated. The content has at most 50 MiB, or what the plan allows. Its type is detected: text, Markdown, HTML, CSV, JSON, PDF,
/// DOCX, PPTX, XLSX or EML.
///
/// Requires the permission `document.update`. Fails with 400 `malformed` if the body is incomplete, 404 `not_found`, 409 `conflict` if
/// the document is being deleted or another content was uploaded meanwhile, 409 `plan_limit_reached`, 413 `too_large`, 422
/// `digest_mismatch`, 422 `invalid` if the body is empty, 423 `tenant_suspended`, or 501 `no_object_storage`.
#[utoipa::path(
    put, path = "/v1/documents/{id}/content", tag = "documents",
    params(
        ("id" = Uuid, Path, description = "ID of the document"),
        ("Content-SHA256" = Option<String>, Header, description = "SHA-256 that the content must have, as 64 lower-case hex digits"),
    ),
    request_body(content((DocumentContent = "*/*")), description = "Content of the document. Its media type is detected."),
    responses((status = OK, description = "Document with its content", body = Document))
)]
pub(in crate::http) async fn put_document_content(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let sha256 = headers.get(SHA256_HEADER).map(digest).transpose()?;
    let announced = headers.typed_get().map(|ContentLength(bytes)| bytes);
    let received = body.into_data_stream().map_err(axum::Error::new).boxed();
    let upload = Upload { announced, sha256, received, timeout: TRANSFER_TIMEOUT };
    let document = app::documents::upload(&app, tenant.scope, id, upload).await?;
    Ok(Document::response(tenant.scope, document))
}

/// Returns the SHA-256 in a header.
fn digest(value: &HeaderValue) -> Result<String, Problem> {
    let is_digest = |text: &&str| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let digest = value.to_str().ok().filter(is_digest);
    digest.map(str::to_owned).ok_or_else(|| {
        Problem::new(Code::InvalidParameter)
            .detail("the header Content-SHA256 must have 64 lower-case hex digits")
    })
}

/// Download the content of a document
///
/// Returns the content that was uploaded last, as it was uploaded.
///
/// Requires the permission `document.content.read`. Fails with 404 `not_found` if the tenant has no such document or the document no
/// content, or with 501 `no_object_storage`.
#[utoipa::path(
    get, path = "/v1/documents/{id}/content", tag = "documents",
    params(
        ("id" = Uuid, Path, description = "ID of the document"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Content, in the media type that it was found to have", content((DocumentContent = "*/*"))),
        (status = NOT_MODIFIED, description = "The content has not changed"),
    )
)]
pub(in crate::http) async fn get_document_content(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let is_known = |sha256: &str| etag::is_known(&headers, &format!("\"{sha256}\""));
    let Download { document, sha256, content } =
        app::documents::download(&app, tenant.scope, id, is_known).await?;
    let tag =
        [(header::ETAG, format!("\"{sha256}\"")), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    let Some(ObjectContent { bytes, stream }) = content else {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    };
    // A tenant's users choose the content: a browser must neither guess another type nor display a page.
    let headers = [
        (header::CONTENT_TYPE, document.mime_type.unwrap_or_else(|| OCTET_STREAM.to_owned())),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, attachment(&document.file_name)),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    Ok((tag, headers, Body::from_stream(stream)).into_response())
}

/// Returns the header that names the file of a download, as in RFC 6266.
fn attachment(file_name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let encoded = file_name.bytes().map(|byte| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    format!("attachment; filename*=UTF-8''{}", encoded.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a file cannot end the header or add another one.
    #[test]
    fn the_name_of_a_file_is_encoded() {
        assert_eq!(
            attachment("Ägypten \"a\".pdf"),
            "attachment; filename*=UTF-8''%C3%84gypten%20%22a%22.pdf"
        );
    }
}
