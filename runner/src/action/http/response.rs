//! Reading of responses, limited to the size that the step allows.

use std::{collections::BTreeMap, time::Duration};

use crds::{
    run::StepError,
    workflow::{ErrorKind, HttpResponse},
};
use jiff::{Timestamp, fmt::rfc2822};
use serde_json::{Value, json};

use crate::action::http::{
    body::{BodyFormat, for_details},
    content_coding::{self, DecodeError},
    errors::HttpError,
    headers,
};

/// Complete response.
#[derive(Debug)]
pub(in crate::action) struct Response {
    pub(in crate::action) status: u16,
    /// Headers by lower-case name. The values of a repeated header are joined with `, `; of `set-cookie`, it is the first.
    pub(in crate::action) headers: BTreeMap<String, String>,
    /// All values of each header by lower-case name.
    pub(in crate::action) header_values: BTreeMap<String, Vec<String>>,
    pub(in crate::action) body: Value,
}

impl Response {
    /// Returns the step's output.
    pub(in crate::action) fn into_output(self) -> Value {
        let Self { status, headers, header_values, body } = self;
        json!({"status": status, "headers": headers, "headerValues": header_values, "body": body})
    }

    /// Returns the step error for a response that is not a success. Its details contain the beginning of the body, which
    /// usually explains the failure.
    pub(in crate::action) fn into_step_error(self, summary: &str) -> StepError {
        let status = self.status;
        StepError {
            kind: ErrorKind::User,
            code: format!("HTTP_{status}"),
            message: format!("{summary} returned status {status}"),
            details: Some(json!({"status": status, "body": for_details(self.body)})),
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

/// Reads the body of a response in the expected format, without its content codings.
///
/// # Errors
/// Returns an error if the body exceeds `limit` bytes, cannot be received or decoded, or does not have the format.
pub(super) async fn read(
    response: reqwest::Response,
    expected: Option<HttpResponse>,
    limit: u64,
) -> Result<Response, HttpError> {
    let status = response.status().as_u16();
    let header_values = headers::all_values(response.headers());
    let headers = headers::joined(&header_values);
    let header = |name: &str| headers.get(name).map(String::as_str);
    let format = BodyFormat::new(expected, header("content-type"));
    let encodings = header("content-encoding").unwrap_or_default().to_owned();
    let received_limit = if encodings.is_empty() { limit } else { content_coding::encoded_limit(limit) };
    let received = receive(response, received_limit).await?.ok_or(HttpError::TooLarge { limit })?;
    let body = match content_coding::decode(received, &encodings, limit).await {
        Ok(bytes) => match format.parse(&bytes, status) {
            // The body may be the error page of a proxy; then the status is more useful than an error about JSON.
            Err(_) if status >= 400 => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            parsed => parsed?,
        },
        Err(DecodeError::TooLarge) => return Err(HttpError::TooLarge { limit }),
        Err(DecodeError::Invalid(_)) if status >= 400 => Value::Null,
        Err(DecodeError::Invalid(source)) => return Err(HttpError::Decode { status, encodings, source }),
    };
    Ok(Response { status, headers, header_values, body })
}

/// Receives the body, or returns `None` if it exceeds the limit, which applies first to the announced length and then to
/// the bytes received.
async fn receive(mut response: reqwest::Response, limit: u64) -> Result<Option<Vec<u8>>, HttpError> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let limit_bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(HttpError::Read)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > limit_bytes {
            return Ok(None);
        }
    }
    Ok(Some(bytes))
}
