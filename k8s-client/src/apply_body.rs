//! Bodies of server-side apply. The API server reads them as YAML, although they are JSON. YAML refuses some characters that JSON
//! allows in a text, and takes others for line breaks: without escapes, a text with U+007F is refused, one with U+2028 is changed,
//! and a long name of a field is an error.

use std::fmt::Write as _;

use futures::FutureExt as _;
use http::{Request, header::CONTENT_TYPE};
use kube::client::Body;

/// Media type of server-side apply.
const MEDIA_TYPE: &str = "application/apply-patch+yaml";
/// Maximum length of a name in an object, with its quotes and escapes. YAML finds the end of a name within 1,024 characters.
const MAX_NAME_LENGTH: usize = 1_000;

/// Returns whether server-side apply can read an object that has a field with this name: with quotes and escapes, the name has at
/// most 1,000 characters.
#[must_use]
pub fn is_applicable_name(name: &str) -> bool {
    let quotes = 2;
    name.chars().map(escaped_length).sum::<usize>() + quotes <= MAX_NAME_LENGTH
}

/// Returns the length of a character in the body of a request.
fn escaped_length(character: char) -> usize {
    let unicode_escape = 6;
    match character {
        '"' | '\\' => 2,
        character if character.is_control() || is_special(character) => unicode_escape,
        _ => 1,
    }
}

/// Escapes what YAML would read otherwise than JSON if the request is one of server-side apply.
pub(crate) fn prepare(request: Request<Body>) -> Request<Body> {
    if request.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != MEDIA_TYPE) {
        return request;
    }
    // The bodies of `kube` are in memory, so that a copy can be read at once.
    let copy = request.body().try_clone().and_then(|body| body.collect_bytes().now_or_never());
    let escaped = copy.and_then(Result::ok).and_then(|bytes| escape(std::str::from_utf8(&bytes).ok()?));
    match escaped {
        Some(escaped) => request.map(|_| Body::from(escaped.into_bytes())),
        None => request,
    }
}

/// Escapes the special characters of a JSON text, which stand in its strings only. Returns `None` if it has none.
fn escape(json: &str) -> Option<String> {
    if !json.contains(is_special) {
        return None;
    }
    let mut escaped = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        let written = match is_special(character) {
            true => write!(escaped, "\\u{:04x}", u32::from(character)),
            false => escaped.write_char(character),
        };
        written.expect("writing to a String cannot fail");
    }
    Some(escaped)
}

/// Returns whether YAML refuses a character or takes it for a line break, although JSON need not escape it.
fn is_special(character: char) -> bool {
    matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use proptest::prelude::{any, prop};
    use serde_json::{Value, json};

    use super::*;

    fn sent(kind: &str, body: &Value) -> String {
        let request = Request::patch("/").header(CONTENT_TYPE, kind);
        let request = prepare(request.body(Body::from(body.to_string().into_bytes())).unwrap());
        let bytes = request.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Only the bodies of server-side apply are changed, and only where YAML differs from JSON.
    #[test]
    fn bodies_of_server_side_apply_are_escaped() {
        let body = json!({"a\u{7f}": "\u{85}\u{2028}ä😀\u{feff}\n"});
        assert_eq!(sent(MEDIA_TYPE, &body), "{\"a\\u007f\":\"\\u0085\\u2028ä😀\\ufeff\\n\"}");
        assert_eq!(sent("application/merge-patch+json", &body), body.to_string());
        assert_eq!(sent(MEDIA_TYPE, &json!({"a": "ä😀"})), json!({"a": "ä😀"}).to_string());
    }

    proptest::proptest! {
        /// An escaped body has the same content, and no character that YAML reads otherwise.
        #[test]
        fn an_escaped_body_has_the_same_content(
            text in any::<String>(),
            special in prop::collection::vec("[\u{7f}-\u{9f}\u{2028}\u{2029}\u{feff}\u{fffe}\u{ffff}]", 0..3),
        ) {
            let body = json!({format!("{}{text}", special.concat()): [text.as_str(), special.concat()]});
            let escaped = sent(MEDIA_TYPE, &body);
            proptest::prop_assert!(!escaped.contains(is_special));
            proptest::prop_assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), body);
        }

        /// A name that is accepted has at most 1,000 characters in the body.
        #[test]
        fn an_accepted_name_is_short_in_the_body(text in "[\u{0}-\u{2fff}]{0,400}") {
            let body = sent(MEDIA_TYPE, &json!({text.as_str(): 1}));
            let length = body.chars().count() - "{:1}".len();
            proptest::prop_assert!(!is_applicable_name(&text) || length <= MAX_NAME_LENGTH);
        }
    }
}
