//! Warnings: parts of a valid workflow that probably do not mean what was written.
//!
//! kubectl and Helm read YAML 1.1, in which an unquoted `y`, `n`, `yes`, `no`, `on` or `off` is a boolean. As the name of a
//! field it becomes `true` or `false`.

use crds::WorkflowSpec;
use serde_json::Value;

use super::problems::Problem;

/// Maximum number of warnings. They are stored in the status of the workflow.
const MAX_WARNINGS: usize = 20;
/// Why a value is a boolean, and how to avoid it.
pub(super) const YAML_BOOLEANS: &str =
    "kubectl reads YAML 1.1, in which an unquoted y, n, yes, no, on or off is a boolean: put it in quotes";

/// Returns the warnings about a workflow, at most 20, in the order of the spec.
#[must_use]
pub fn warnings(spec: &WorkflowSpec) -> Vec<Problem> {
    let mut found = Vec::new();
    // A spec that was read from JSON can be converted back.
    if let Ok(spec) = serde_json::to_value(spec) {
        collect(&spec, &mut "spec".to_owned(), &mut found);
    }
    found
}

fn collect(value: &Value, path: &mut String, found: &mut Vec<Problem>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let length = path.len();
                path.push('.');
                path.push_str(name);
                if matches!(name.as_str(), "true" | "false") && found.len() < MAX_WARNINGS {
                    let message = format!("a field has the name {name}. {YAML_BOOLEANS}");
                    found.push(Problem { path: path.clone(), code: "YamlBoolean", message });
                }
                collect(field, path, found);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                collect(item, path, found);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field whose name YAML 1.1 has read as a boolean is found at every depth, with the reason.
    #[test]
    fn fields_that_yaml_reads_as_booleans_are_found() {
        let spec = serde_json::json!({
            "input": {"schema": {"properties": {"false": {"type": "integer"}, "answer": {"enum": [true]}}}},
            "steps": [{"name": "a", "expr": {"value": [{"true": 1}, "false"]}}],
        });
        let spec: WorkflowSpec = serde_json::from_value(spec).unwrap();
        let found = warnings(&spec);
        let paths: Vec<&str> = found.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(paths, ["spec.input.schema.properties.false", "spec.steps[0].expr.value[0].true"]);
        assert!(found[0].message.contains("YAML 1.1"), "{}", found[0].message);
    }
}
