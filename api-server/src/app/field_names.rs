//! Names of fields in free JSON, such as the settings of a tenant or the schema of a workflow. Server-side apply cannot read long
//! ones.

use serde_json::Value;

use super::{Error, Violation, field_path::from_segments};

/// Number of characters of a name that an error repeats.
const MAX_SHOWN_LENGTH: usize = 64;

/// Checks that server-side apply can read all names of a spec.
///
/// # Errors
/// Returns an error that names the first object with a name that is too long.
pub(super) fn check(action: &'static str, spec: &Value) -> Result<(), Error> {
    let mut path = Vec::new();
    let Some(name) = find_long_name(spec, &mut path) else { return Ok(()) };
    path.reverse();
    let shown: String = name.chars().take(MAX_SHOWN_LENGTH).collect();
    let message = format!(
        "the name of the field \"{shown}…\" is too long: names may have at most 1,000 characters, with the escapes of JSON"
    );
    let violation = Violation { pointer: from_segments(&path), code: "name_too_long".to_owned(), message };
    Err(Error::Refused {
        action,
        message: "a field has a name that is too long".to_owned(),
        violations: vec![violation],
    })
}

/// Returns the first name that is too long, and appends the names and indexes of the path to its object, innermost first. The depth
/// of a spec is limited.
fn find_long_name<'a>(value: &'a Value, path: &mut Vec<String>) -> Option<&'a str> {
    let (found, segment) = match value {
        Value::Object(fields) => {
            if let Some(name) = fields.keys().find(|name| !k8s_client::is_applicable_name(name)) {
                return Some(name);
            }
            let mut fields = fields.iter();
            fields.find_map(|(name, field)| Some((find_long_name(field, path)?, name.clone())))?
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| Some((find_long_name(item, path)?, index.to_string())))?
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    path.push(segment);
    Some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The object with a long name is named; long texts are accepted.
    #[test]
    fn the_object_with_a_long_name_is_named() {
        let long = "x".repeat(1_000);
        assert!(check("change", &json!({"steps": [{"with": {"x".repeat(900): long}}]})).is_ok());
        let found = check("change", &json!({"steps": [{}, {"with": {"a/b": {long: 1}}}]}));
        let Err(Error::Refused { violations, .. }) = found else { panic!("{found:?}") };
        assert_eq!(violations[0].pointer, "/steps/1/with/a~1b");
        assert_eq!(violations[0].code, "name_too_long");
        assert!(violations[0].message.len() < 200);
    }
}
