//! Strict parsing of the specs of Kubernetes objects in requests: no field is ignored.

use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::Value;

use super::{
    Violation,
    field_path::{from_segments, pointer},
};

/// Parses a spec strictly.
///
/// # Errors
/// Returns all fields that do not exist, and the first one that has a wrong type.
pub(super) fn parse<T: DeserializeOwned>(spec: &Value) -> Result<T, Vec<Violation>> {
    let mut violations = Vec::new();
    let mut add_unknown = |path: Path<'_>| {
        let segments = segments(&path);
        let message = format!("unknown field {}", segments.last().map(String::as_str).unwrap_or_default());
        let pointer = from_segments(&segments);
        violations.push(Violation { pointer, code: "unknown_field".to_owned(), message });
    };
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(spec, &mut track);
    let parsed = T::deserialize(serde_ignored::Deserializer::new(tracked, &mut add_unknown));
    match parsed {
        Ok(parsed) if violations.is_empty() => return Ok(parsed),
        Ok(_) => {}
        Err(error) => violations.push(Violation {
            pointer: pointer(&format!("spec.{}", track.path())),
            code: "type".to_owned(),
            message: error.to_string(),
        }),
    }
    Err(violations)
}

fn segments(path: &Path<'_>) -> Vec<String> {
    let (parent, own) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (*parent, Some(index.to_string())),
        Path::Map { parent, key } => (*parent, Some(key.clone())),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            (*parent, None)
        }
    };
    let mut segments = segments(parent);
    segments.extend(own);
    segments
}

#[cfg(test)]
mod tests {
    use crds::WorkflowSpec;
    use serde_json::json;

    use super::*;

    fn violations(spec: &Value) -> Vec<String> {
        let violations = parse::<WorkflowSpec>(spec).err().unwrap_or_default();
        violations
            .into_iter()
            .map(|found| format!("{} {} {}", found.pointer, found.code, found.message))
            .collect()
    }

    /// Fields that do not exist are reported, all of them, at every depth; free JSON may have any field.
    #[test]
    fn unknown_fields_are_reported_at_every_depth() {
        let http = json!({"url": "https://a.example", "hedaers": {}});
        let step = json!({"name": "one", "whem": "true", "with": {"any": 1}, "http": http});
        let spec = json!({"steps": [step], "retentoin": {}, "output": {"any": {"thing": 1}}});
        let mut found = violations(&spec);
        found.sort();
        let expected = [
            "/retentoin unknown_field unknown field retentoin",
            "/steps/0/http/hedaers unknown_field unknown field hedaers",
            "/steps/0/whem unknown_field unknown field whem",
        ];
        assert_eq!(found, expected);
    }

    /// A wrong type is reported where it is.
    #[test]
    fn a_wrong_type_is_reported_where_it_is() {
        let found = violations(&json!({"steps": [{"name": "one"}, {"name": 7}]}));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("/steps/1/name type invalid type"), "{found:?}");
        assert!(violations(&json!({"steps": []})).is_empty());
    }
}
