//! The request body of each operation, as its OpenAPI description says: JSON, or bytes of certain media types with a maximum size. A body
//! that may be larger than one of JSON is not read before the handler: it is passed on as a stream.

use std::{collections::HashMap, sync::Arc};

use axum::http::{HeaderMap, header};
use utoipa::openapi::{
    Components, Content, OpenApi, RefOr, Schema, path::Operation, request_body::RequestBody,
};

use super::{MAX_BODY_BYTES, body::BodyKind, openapi};
use crate::problem::{Code, Problem};

const SCHEMAS: &str = "#/components/schemas/";
/// Media type of an operation that accepts bytes of any.
const ANY: &str = "*/*";

/// Bodies of the operations that take no JSON, by operation, such as `PUT /v1/users/{id}/picture`.
#[derive(Default)]
pub(in crate::http) struct RequestBodies(HashMap<String, ExpectedBody>);

/// Body that an operation expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct ExpectedBody {
    /// Kind of the body.
    pub(in crate::http) kind: BodyKind,
    /// Maximum size, in bytes.
    pub(in crate::http) max_bytes: usize,
    /// Media types of bytes. The extractors of JSON know their own.
    media_types: Arc<[String]>,
}

/// The document does not say how large the body of an operation may be.
#[derive(Debug, thiserror::Error)]
#[error(
    "failed to find the maximum length of the body of {0}: a body that is not JSON needs a schema with maxLength"
)]
pub(in crate::http) struct UnlimitedBody(String);

impl RequestBodies {
    /// Returns the bodies of all operations that a document describes.
    ///
    /// # Errors
    /// Returns an error if a body that is not JSON has no maximum length.
    pub(in crate::http) fn from_document(document: &OpenApi) -> Result<Self, UnlimitedBody> {
        let mut uploads = HashMap::new();
        for (name, operation) in openapi::described_operations(document) {
            let Some(body) = body_of_bytes(operation) else { continue };
            let max_bytes = max_bytes(body, document.components.as_ref());
            let max_bytes = max_bytes.ok_or_else(|| UnlimitedBody(name.clone()))?;
            let media_types = body.content.keys().cloned().collect();
            let kind = if max_bytes > MAX_BODY_BYTES { BodyKind::Stream } else { BodyKind::Bytes };
            uploads.insert(name, ExpectedBody { kind, max_bytes, media_types });
        }
        Ok(Self(uploads))
    }

    /// Returns the body that an operation expects. Operations that the document does not describe expect JSON.
    pub(in crate::http) fn expected(&self, operation: &str) -> ExpectedBody {
        let json =
            || ExpectedBody { kind: BodyKind::Json, max_bytes: MAX_BODY_BYTES, media_types: Arc::default() };
        self.0.get(operation).cloned().unwrap_or_else(json)
    }
}

impl ExpectedBody {
    /// Checks the media type that a request with bytes announces.
    ///
    /// # Errors
    /// Returns an error with the accepted media types if it is none of them.
    pub(in crate::http) fn check_media_type(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let announced = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        // Parameters, such as a character set, mean nothing for bytes.
        let essence = announced.and_then(|value| value.split(';').next()).map(str::trim).unwrap_or_default();
        let is_accepted = |accepted: &String| accepted == ANY || accepted.eq_ignore_ascii_case(essence);
        match self.media_types.iter().any(is_accepted) {
            true => Ok(()),
            false => {
                let detail =
                    format!("send the header Content-Type with one of {}", self.media_types.join(", "));
                Err(Problem::new(Code::UnsupportedMediaType).detail(detail))
            }
        }
    }
}

/// Returns the body of an operation if it is not JSON.
fn body_of_bytes(operation: &Operation) -> Option<&RequestBody> {
    match operation.request_body.as_ref()? {
        RefOr::T(body) if !body.content.keys().any(|media_type| media_type.ends_with("json")) => Some(body),
        // The document has no bodies by reference.
        RefOr::T(_) | RefOr::Ref(_) => None,
    }
}

/// Returns the maximum size of a body: that of the media type with the smallest one.
fn max_bytes(body: &RequestBody, components: Option<&Components>) -> Option<usize> {
    let limits = body.content.values().map(|content| max_length(content, components));
    limits.collect::<Option<Vec<_>>>()?.into_iter().min()
}

fn max_length(content: &RefOr<Content>, components: Option<&Components>) -> Option<usize> {
    let RefOr::T(content) = content else { return None };
    let schema = match content.schema.as_ref()? {
        RefOr::Ref(schema) => components?.schemas.get(schema.ref_location.strip_prefix(SCHEMAS)?)?,
        schema => schema,
    };
    match schema {
        RefOr::T(Schema::Object(schema)) => schema.max_length,
        RefOr::T(_) | RefOr::Ref(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn document(schema: &serde_json::Value) -> OpenApi {
        let body = json!({"content": {"image/png": {"schema": schema}}});
        serde_json::from_value(json!({
            "openapi": "3.1.0",
            "info": {"title": "Test", "version": "1"},
            "paths": {"/a": {
                "put": {"operationId": "put", "requestBody": body, "responses": {}},
                "post": {
                    "operationId": "post",
                    "requestBody": {"content": {"application/merge-patch+json": {}}},
                    "responses": {},
                },
            }},
        }))
        .unwrap()
    }

    fn content_type(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
    }

    /// An operation takes bytes of the described media types and size, and any other one JSON.
    #[test]
    fn bodies_are_those_of_the_document() {
        let schema = json!({"type": "string", "maxLength": 9});
        let bodies = RequestBodies::from_document(&document(&schema)).unwrap();
        let bytes = bodies.expected("PUT /a");
        assert_eq!((bytes.kind, bytes.max_bytes), (BodyKind::Bytes, 9));
        for accepted in ["image/png", "IMAGE/PNG", "image/png; q=1"] {
            assert!(bytes.check_media_type(&content_type(accepted)).is_ok(), "{accepted}");
        }
        for refused in ["application/json", "image/pngx", ""] {
            let problem = bytes.check_media_type(&content_type(refused)).unwrap_err();
            assert_eq!(problem.code, Code::UnsupportedMediaType, "{refused}");
        }
        assert!(bytes.check_media_type(&HeaderMap::new()).is_err());
        for operation in ["POST /a", "GET /a", "POST /graphql"] {
            let json = bodies.expected(operation);
            assert_eq!((json.kind, json.max_bytes), (BodyKind::Json, MAX_BODY_BYTES), "{operation}");
        }
    }

    /// A body that may be larger than one of JSON is not read before the handler.
    #[test]
    fn a_large_body_is_a_stream() {
        let of_size = |bytes: usize| {
            let bodies =
                RequestBodies::from_document(&document(&json!({"maxLength": bytes, "type": "string"})));
            bodies.unwrap().expected("PUT /a").kind
        };
        assert_eq!(
            (of_size(MAX_BODY_BYTES), of_size(MAX_BODY_BYTES + 1)),
            (BodyKind::Bytes, BodyKind::Stream)
        );
    }

    /// A server does not start with an upload of any size.
    #[test]
    fn an_upload_without_a_maximum_size_is_reported() {
        let error = RequestBodies::from_document(&document(&json!({"type": "string"}))).err().unwrap();
        assert!(error.to_string().contains("PUT /a"), "{error}");
    }
}
