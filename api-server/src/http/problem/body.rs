//! The JSON body of a problem.

use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::FieldError;

/// Body of every response that is not a success (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(in crate::http) struct Body {
    /// URI of the description of the error code, relative to the server.
    #[schema(example = "/docs/problems#not_found")]
    pub(super) r#type: String,
    /// Human-readable title of the error code.
    #[schema(example = "Resource not found")]
    pub(super) title: &'static str,
    /// HTTP status.
    #[schema(example = 404)]
    pub(super) status: u16,
    /// Human-readable explanation of this occurrence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    /// Path of the request.
    #[schema(example = "/v1/workflows/018f0000-0000-7000-8000-000000000000")]
    pub(super) instance: String,
    /// Machine-readable error code; more may be added.
    #[schema(example = "not_found")]
    pub(super) code: &'static str,
    /// ID of the request, as in the `X-Request-Id` response header and in the server's log.
    pub(super) request_id: String,
    /// Errors in fields of the request body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<FieldError>,
}
