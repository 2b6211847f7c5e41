//! Reading of responses, limited to the size that the step allows.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crds::{
    run::StepError,
    workflow::{ErrorKind, HttpResponse},
};
use domain::schema;
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Value, json};

use crate::action::http::errors::HttpError;

/// Maximum size of a body in an error's details. The beginning of a body usually shows the cause, and the
/// steps of a run share the space of its status.
const MAX_ERROR_BODY_BYTES: usize = 1024;

/// Complete response.
#[derive(Debug)]
pub(in crate::action) struct Response {
    pub(in crate::action) status: u16,
    /// Headers by lower-case name. The values of a repeated header are joined with `, `.
    pub(in crate::action) headers: BTreeMap<String, String>,
    pub(in crate::action) body: Value,
}

impl Response {
    /// Returns the step's output.
    pub(in crate::action) fn into_output(self) -> Value {
        json!({"status": self.status, "headers": self.headers, "body": self.body})
    }

    /// Returns the step error for a response that is not a success. Its details contain the beginning of the body, which
    /// usually explains the failure.
    pub(in crate::action) fn into_step_error(self, summary: &str) -> StepError {
        let status = self.status;
        let body = match schema::json_size(&self.body) {
            short if short <= MAX_ERROR_BODY_BYTES => self.body,
            _ => Value::String(match self.body {
                Value::String(text) => beginning(text.as_bytes()),
                other => beginning(other.to_string().as_bytes()),
            }),
        };
        StepError {
            kind: ErrorKind::User,
            code: format!("HTTP_{status}"),
            message: format!("{summary} returned status {status}"),
            details: Some(json!({"status": status, "body": body})),
        }
    }

    /// Returns the delay that the service requests with `Retry-After`, given in seconds or as a date.
    pub(in crate::action) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.headers.get("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = rfc2822::parse(text).ok()?.timestamp();
        // A date in the past gives a negative duration, which does not convert.
        Duration::try_from(at.duration_since(now)).ok()
    }
}

/// Returns the first [`MAX_ERROR_BODY_BYTES`] of a body as text, with the total size of a longer one.
fn beginning(body: &[u8]) -> String {
    let shown = body.get(..MAX_ERROR_BODY_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(shown).into_owned();
    if shown.len() < body.len() { format!("{text}… ({} bytes)", body.len()) } else { text }
}

/// Reads the body of a response in the expected format.
///
/// # Errors
/// Returns an error if the body exceeds `limit` bytes, cannot be received, or does not have the format.
pub(super) async fn read(
    response: reqwest::Response,
    expected: Option<HttpResponse>,
    limit: u64,
) -> Result<Response, HttpError> {
    let status = response.status().as_u16();
    let headers = headers(&response);
    let expected = expected.unwrap_or_else(|| by_media_type(headers.get("content-type")));
    let bytes = bytes(response, limit).await?;
    let body = match body(&bytes, expected, status) {
        // The body may be the error page of a proxy; then the status is more useful than an error about JSON.
        Err(_) if status >= 400 => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        body => body?,
    };
    Ok(Response { status, headers, body })
}

/// Reads the body. The limit applies first to the announced length and then to the bytes received.
async fn bytes(mut response: reqwest::Response, limit: u64) -> Result<Vec<u8>, HttpError> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(HttpError::TooLarge { limit });
    }
    let limit_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(HttpError::Read)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit_bytes {
            return Err(HttpError::TooLarge { limit });
        }
    }
    Ok(bytes)
}

/// Returns `Json` for media types such as `application/json` and `application/problem+json`, else `Text`.
fn by_media_type(content_type: Option<&String>) -> HttpResponse {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let is_json = essence.ends_with("/json") || essence.ends_with("+json");
    if is_json { HttpResponse::Json } else { HttpResponse::Text }
}

/// Converts a body to a value. An empty body is not valid JSON, but many services send one: it becomes `null`.
fn body(bytes: &[u8], expected: HttpResponse, status: u16) -> Result<Value, HttpError> {
    match expected {
        HttpResponse::Json if bytes.is_empty() => Ok(Value::Null),
        HttpResponse::Json => serde_json::from_slice(bytes).map_err(|source| HttpError::NotJson {
            status,
            body: beginning(bytes),
            source,
        }),
        HttpResponse::Text => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| HttpError::NotText { status, body: beginning(bytes) })?;
            Ok(Value::String(text.to_owned()))
        }
        HttpResponse::Bytes => Ok(Value::String(STANDARD.encode(bytes))),
    }
}

fn headers(response: &reqwest::Response) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|joined| *joined = format!("{joined}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    headers
}
