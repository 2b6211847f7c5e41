//! Conversion of a response's body to a value.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crds::workflow::HttpResponse;
use encoding_rs::{Encoding, UTF_8};
use protocol::number;
use serde_json::Value;

use crate::action::http::errors::HttpError;

/// Maximum size of a body in an error's details. The beginning of a body usually shows the cause, and the
/// steps of a run share the space of its status.
const MAX_ERROR_BODY_BYTES: usize = 1024;

/// Format and charset of a body.
#[derive(Debug)]
pub(super) struct BodyFormat {
    format: HttpResponse,
    /// Charset that the response names.
    charset: Option<String>,
}

impl BodyFormat {
    /// Returns the format that the step expects or, without that, the one of the media type: `Json` for types such as
    /// `application/json` and `application/problem+json`, else `Text`.
    pub(super) fn new(expected: Option<HttpResponse>, content_type: Option<&str>) -> Self {
        let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_json = essence.ends_with("/json") || essence.ends_with("+json");
        let by_media_type = if is_json { HttpResponse::Json } else { HttpResponse::Text };
        let charset = parts.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches('"').to_owned())
        });
        Self { format: expected.unwrap_or(by_media_type), charset }
    }

    /// Converts a body to a value. An empty body has no value of any format: it becomes `null`.
    ///
    /// # Errors
    /// Returns an error if the body does not have the format.
    pub(super) fn parse(&self, bytes: &[u8], status: u16) -> Result<Value, HttpError> {
        match self.format {
            _ if bytes.is_empty() => Ok(Value::Null),
            HttpResponse::Json => {
                let text = self.decode(bytes, status)?;
                let value = serde_json::from_str(&text).map_err(|source| HttpError::NotJson {
                    status,
                    body: beginning(text.as_bytes()),
                    source,
                })?;
                match number::oversized_integer(text.as_bytes()) {
                    None => Ok(value),
                    Some(oversized) => Err(HttpError::Number { status, number: number::display(oversized) }),
                }
            }
            HttpResponse::Text => Ok(Value::String(self.decode(bytes, status)?)),
            HttpResponse::Bytes => Ok(Value::String(STANDARD.encode(bytes))),
        }
    }

    /// Decodes a text. A byte order mark takes precedence over the charset, whose default is UTF-8.
    fn decode(&self, bytes: &[u8], status: u16) -> Result<String, HttpError> {
        let encoding = match &self.charset {
            None => UTF_8,
            Some(name) => Encoding::for_label(name.as_bytes())
                .ok_or_else(|| HttpError::UnknownCharset { status, charset: name.clone() })?,
        };
        let (text, used, is_malformed) = encoding.decode(bytes);
        if is_malformed {
            return Err(HttpError::NotText { status, charset: used.name(), body: beginning(bytes) });
        }
        Ok(text.into_owned())
    }
}

/// Returns the first [`MAX_ERROR_BODY_BYTES`] of a body as text, with the total size of a longer one.
pub(super) fn beginning(body: &[u8]) -> String {
    let shown = body.get(..MAX_ERROR_BODY_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(shown).into_owned();
    if shown.len() < body.len() { format!("{text}… ({} bytes)", body.len()) } else { text }
}

/// Returns a body for an error's details: the value itself if it is short, else its beginning as text.
pub(super) fn for_details(body: Value) -> Value {
    match domain::schema::json_size(&body) {
        short if short <= MAX_ERROR_BODY_BYTES => body,
        _ => Value::String(match body {
            Value::String(text) => beginning(text.as_bytes()),
            other => beginning(other.to_string().as_bytes()),
        }),
    }
}
