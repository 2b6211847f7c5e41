//! Validation of texts that are sent in headers.

use http::HeaderValue;

use crate::secrets::Secrets;

/// A text contains characters that are not allowed in headers. The message names the secrets that contain such
/// characters, but no values.
#[derive(Debug, thiserror::Error)]
#[error("{field} contains {characters}, which headers must not contain{origin}")]
pub(in crate::action) struct HeaderValueError {
    /// Header or field of the step.
    field: String,
    characters: &'static str,
    /// Secrets that the characters come from, with advice.
    origin: String,
}

/// Returns the text without one line break at its end, which files and `kubectl create secret --from-file` often add.
pub(super) fn without_final_line_break(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').filter(|_| line.len() < text.len()).unwrap_or(line)
}

/// Returns the value of a header, without one line break at its end.
///
/// # Errors
/// Returns an error if the text contains control characters other than tabs.
pub(super) fn parse(field: &str, text: &str, secrets: &Secrets) -> Result<HeaderValue, HeaderValueError> {
    let line = without_final_line_break(text);
    HeaderValue::from_str(line).map_err(|_| error(field, line, secrets))
}

/// Returns the text without one line break at its end.
///
/// # Errors
/// Returns an error if the text contains control characters.
pub(super) fn parse_credential(
    field: &str,
    text: &str,
    secrets: &Secrets,
) -> Result<String, HeaderValueError> {
    let line = without_final_line_break(text);
    if line.chars().any(char::is_control) { Err(error(field, line, secrets)) } else { Ok(line.to_owned()) }
}

/// Builds the error for a text. A secret is named if the text contains its value and the value alone is not allowed.
fn error(field: &str, text: &str, secrets: &Secrets) -> HeaderValueError {
    let mut origins = Vec::new();
    for (name, values) in secrets {
        for (key, value) in values {
            let value = without_final_line_break(value);
            if HeaderValue::from_str(value).is_err() && text.contains(value) {
                origins.push(format!("secrets.{name}.{key}"));
            }
        }
    }
    let origin = match origins.join(" and ") {
        none if none.is_empty() => String::new(),
        names => format!("; they come from {names}: store the value without them"),
    };
    let characters = match text.contains(['\n', '\r']) {
        true => "line breaks (newline characters)",
        false => "control characters",
    };
    HeaderValueError { field: field.to_owned(), characters, origin }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        serde_json::from_str(
            r#"{"erp": {"token": "t0ken\n", "key": "-----\nMIIE\n-----\n", "user": "anna"}}"#,
        )
        .unwrap()
    }

    /// Exactly one line break at the end of a value is removed, and another one is an error.
    #[test]
    fn one_line_break_at_the_end_is_removed() {
        let parse =
            |text: &str| parse("x-key", text, &secrets()).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(parse("Token t0ken\n").unwrap(), "Token t0ken");
        assert_eq!(parse("t0ken\r\n").unwrap(), "t0ken");
        assert_eq!(parse("t0ken").unwrap(), "t0ken");
        for text in ["t0ken\n\n", "t0ken\r", "t0\nken", "a\u{7}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    /// The error for a secret that cannot be sent names secret and key, and contains no part of the value.
    #[test]
    fn the_error_names_secret_and_key_without_the_value() {
        let text = parse("header x-key", "key -----\nMIIE\n-----\n", &secrets()).unwrap_err().to_string();
        assert!(text.contains("header x-key") && text.contains("secrets.erp.key: "), "{text}");
        assert!(text.contains("newline"), "{text}");
        assert!(!text.contains("MIIE") && !text.contains("token"), "{text}");
    }
}
