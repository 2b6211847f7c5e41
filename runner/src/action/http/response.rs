//! Reads an answer, as far as the step allows.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crds::{
    run::StepError,
    workflow::{ErrorKind, HttpResponse},
};
use domain::schema;
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Value, json};

use crate::action::http::HttpError;

/// Enough of a body to see what is wrong; status has room for many steps.
const MAX_BODY_BYTES: usize = 1024;

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

    /// The answer is no success. The beginning of its body, which tells why, goes to the error's details.
    pub(in crate::action) fn into_step_error(self, summary: &str) -> StepError {
        let status = self.status;
        let body = match schema::json_size(&self.body) {
            short if short <= MAX_BODY_BYTES => self.body,
            _ => Value::String(match self.body {
                Value::String(text) => beginning(text.as_bytes()),
                other => beginning(other.to_string().as_bytes()),
            }),
        };
        StepError {
            kind: ErrorKind::User,
            code: format!("HTTP_{status}"),
            message: format!("{summary} answered with status {status}"),
            details: Some(json!({"status": status, "body": body})),
        }
    }

    /// How long the service asks to be left alone: `Retry-After` as seconds or as a date.
    pub(in crate::action) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.headers.get("retry-after")?.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = rfc2822::parse(text).ok()?.timestamp();
        // A date that has passed asks for nothing.
        Duration::try_from(at.duration_since(now)).ok()
    }
}

/// The first KiB of a body as text.
fn beginning(body: &[u8]) -> String {
    let shown = body.get(..MAX_BODY_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(shown).into_owned();
    if shown.len() < body.len() { format!("{text}… ({} bytes)", body.len()) } else { text }
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
