//! Reads an answer, as far as the step allows.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crds::{
    run::StepError,
    workflow::{ErrorKind, HttpResponse},
};
use domain::schema;
use serde_json::{Value, json};

use crate::action::http::HttpError;

/// Enough for a problem document; status has room for many steps.
const MAX_DETAILS_BYTES: usize = 2 * 1024;

/// An answer, whole.
#[derive(Debug)]
pub(in crate::action) struct Response {
    pub(in crate::action) status: u16,
    /// Names in lower case; of a repeated header, the values joined with `, `.
    pub(in crate::action) headers: BTreeMap<String, String>,
    pub(in crate::action) body: Value,
}

impl Response {
    /// What expressions see as the step's output.
    pub(in crate::action) fn into_output(self) -> Value {
        json!({"status": self.status, "headers": self.headers, "body": self.body})
    }

    /// The answer is no success. Its body, which tells why, goes to the error's details if it is short.
    pub(in crate::action) fn into_step_error(self, summary: &str) -> StepError {
        let short = schema::size(&self.body) <= MAX_DETAILS_BYTES;
        StepError {
            kind: ErrorKind::User,
            code: format!("HTTP_{}", self.status),
            message: format!("{summary} answered with status {}", self.status),
            details: short.then(|| json!({"body": self.body})),
        }
    }
}

pub(super) async fn read(
    answer: reqwest::Response,
    expected: Option<HttpResponse>,
    limit: u64,
) -> Result<Response, HttpError> {
    let status = answer.status().as_u16();
    let headers = headers(&answer);
    let expected = expected.unwrap_or_else(|| by_media_type(headers.get("content-type")));
    let bytes = bytes(answer, limit).await?;
    let body = match body(&bytes, expected, status) {
        // A page of a proxy, say: the status tells more than that it is no JSON.
        Err(_) if status >= 400 => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        body => body?,
    };
    Ok(Response { status, headers, body })
}

/// Refuses by the announced length before, and by the real one while reading.
async fn bytes(mut answer: reqwest::Response, limit: u64) -> Result<Vec<u8>, HttpError> {
    if answer.content_length().is_some_and(|length| length > limit) {
        return Err(HttpError::TooLarge { limit });
    }
    let limit_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(HttpError::Read)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit_bytes {
            return Err(HttpError::TooLarge { limit });
        }
    }
    Ok(bytes)
}

/// `application/json`, `application/problem+json` and their like are JSON.
fn by_media_type(content_type: Option<&String>) -> HttpResponse {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    let is_json = essence.ends_with("/json") || essence.ends_with("+json");
    if is_json { HttpResponse::Json } else { HttpResponse::Text }
}

/// An empty body is no JSON value, but many services answer so: it is `null`.
fn body(bytes: &[u8], expected: HttpResponse, status: u16) -> Result<Value, HttpError> {
    match expected {
        HttpResponse::Json if bytes.is_empty() => Ok(Value::Null),
        HttpResponse::Json => {
            serde_json::from_slice(bytes).map_err(|source| HttpError::NotJson { status, source })
        }
        HttpResponse::Text => {
            let text = std::str::from_utf8(bytes).map_err(|_| HttpError::NotText { status })?;
            Ok(Value::String(text.to_owned()))
        }
        HttpResponse::Bytes => Ok(Value::String(STANDARD.encode(bytes))),
    }
}

fn headers(answer: &reqwest::Response) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|joined| *joined = format!("{joined}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    headers
}
