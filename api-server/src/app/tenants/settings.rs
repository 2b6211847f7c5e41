//! Strict parsing of what requests write into the spec of a Tenant.

use crds::{TenantSpec, nesting::is_deeper_than};
use serde_json::Value;

use crate::app::{Error, Violation, strict};

/// Maximum size of the settings, as compact JSON. The operator copies them into a ConfigMap, which may have 1 MiB.
const MAX_SETTINGS_BYTES: usize = 256 * 1024;
/// Maximum memory of the settings once they are decoded, in bytes. Many tiny values take a hundred times the size of their text.
const MAX_DECODED_BYTES: usize = 1 << 20;

/// Checks the spec of a Tenant as far as requests may change it, and returns it as Kubernetes stores it.
///
/// # Errors
/// Returns all errors of the settings and the first wrong type.
pub(super) fn check(action: &'static str, spec: &Value) -> Result<Value, Error> {
    let parsed = strict::parse::<TenantSpec>(spec);
    let spec = parsed.map_err(|violations| Error::InvalidTenant { action, violations: named(violations) })?;
    let violations = spec.settings.as_ref().map(violations).unwrap_or_default();
    match violations.is_empty() {
        true => Ok(serde_json::to_value(&spec).unwrap_or_default()),
        false => Err(Error::InvalidTenant { action, violations }),
    }
}

/// Gives fields the names that they have in requests.
pub(super) fn named(violations: Vec<Violation>) -> Vec<Violation> {
    let named = |violation: Violation| Violation { pointer: pointer(&violation.pointer), ..violation };
    violations.into_iter().map(named).collect()
}

/// Returns the pointer into a request for a pointer into a spec.
pub(super) fn pointer(pointer: &str) -> String {
    match pointer {
        "/displayName" => "/name".to_owned(),
        "/planRef" | "/planRef/name" => "/plan".to_owned(),
        pointer => pointer.to_owned(),
    }
}

fn violations(settings: &Value) -> Vec<Violation> {
    let at = |pointer: String, code: &str, message: String| Violation {
        pointer: format!("/settings{pointer}"),
        code: code.to_owned(),
        message,
    };
    if !settings.is_object() {
        return vec![at(String::new(), "type", "the settings are not a JSON object".to_owned())];
    }
    let text = settings.to_string();
    let (bytes, depth) = (text.len(), crds::constants::MAX_VALUE_DEPTH);
    if bytes > MAX_SETTINGS_BYTES {
        let message = format!("the settings have {bytes} bytes: at most {MAX_SETTINGS_BYTES} are allowed");
        return vec![at(String::new(), "too_large", message)];
    }
    if k8s_client::decoded_bytes(text.as_bytes()) > MAX_DECODED_BYTES {
        let message = format!(
            "the settings take more than {} MiB of memory: use fewer lists, objects and values",
            MAX_DECODED_BYTES >> 20
        );
        return vec![at(String::new(), "too_large", message)];
    }
    if is_deeper_than(settings, depth) {
        let message = format!("lists and objects are nested more than {depth} levels deep");
        return vec![at(String::new(), "too_deep", message)];
    }
    if has_nul(settings) {
        let message = "texts and names of fields may not contain the character U+0000".to_owned();
        return vec![at(String::new(), "invalid_character", message)];
    }
    let oversized = domain::numbers::oversized(settings);
    oversized
        .map(|pointer| at(pointer, "number_too_large", domain::numbers::MESSAGE.to_owned()))
        .into_iter()
        .collect()
}

/// Returns whether a value, whose depth is limited, has a text or a name with a NUL.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(spec: &Value) -> Vec<String> {
        match check("change the tenant", spec) {
            Err(Error::InvalidTenant { violations, .. }) => violations
                .into_iter()
                .map(|violation| format!("{} {}", violation.pointer, violation.code))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn spec(settings: &Value) -> Value {
        json!({"planRef": {"name": "starter"}, "settings": settings})
    }

    /// Settings that the operator could not copy, or that expressions could not read, are refused with their place.
    #[test]
    fn settings_that_nobody_could_read_are_refused() {
        assert!(codes(&spec(&json!({"currency": "EUR"}))).is_empty());
        assert_eq!(codes(&spec(&json!({"x": "x".repeat(300_000)}))), ["/settings too_large"]);
        let number: Value = serde_json::from_str("{\"x\": 9223372036854775808}").unwrap();
        assert_eq!(codes(&spec(&number)), ["/settings/x number_too_large"]);
        let tiny = vec![json!({"": 0}); 10_000];
        assert_eq!(codes(&spec(&json!({"a": tiny}))), ["/settings too_large"]);
        for nul in [json!({"x": ["\0"]}), json!({"\0": 1})] {
            assert_eq!(codes(&spec(&nul)), ["/settings invalid_character"]);
        }
        assert!(codes(&spec(&json!({"path": "C:\\u0000"}))).is_empty());
        let deep = (0..70).fold(json!(1), |value, _| json!([value]));
        assert_eq!(codes(&spec(&json!({"x": deep}))), ["/settings too_deep"]);
        for other in [json!([]), json!("text"), json!(1)] {
            assert_eq!(codes(&spec(&other)), ["/settings type"]);
        }
    }

    /// Errors name the fields of the request.
    #[test]
    fn errors_name_the_fields_of_the_request() {
        assert_eq!(codes(&json!({"planRef": {"name": "starter"}, "displayName": 7})), ["/name type"]);
        assert_eq!(codes(&json!({"planRef": {"name": 7}})), ["/plan type"]);
    }
}
