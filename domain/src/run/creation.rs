//! Recognition of runs that exist already because the request that creates them is repeated.

use crds::WorkflowRunSpec;
use serde_json::Value;

/// Returns whether an existing run is the one that a repeated request would create: it has the same cause, workflow, input,
/// priority and reuse. Its name says nothing, since somebody else may have created it. Its cause does: an admission policy
/// ensures that a run of a schedule, of the API or of a step was created by the component that starts such runs.
#[must_use]
pub fn is_same_run(existing: &WorkflowRunSpec, requested: &WorkflowRunSpec) -> bool {
    let WorkflowRunSpec { workflow_ref, input, trigger, priority, reuse, cancel: _, decisions: _ } =
        requested;
    existing.workflow_ref == *workflow_ref
        && existing.trigger == *trigger
        && existing.priority.unwrap_or_default() == priority.unwrap_or_default()
        && existing.reuse == *reuse
        && is_same_value(existing.input.as_ref(), input.as_ref())
}

/// Returns whether two values are equal. The API server stores `1.0` as `1`. Iterative, because an object that the API server
/// stores may be nested more deeply than the stack allows.
fn is_same_value(a: Option<&Value>, b: Option<&Value>) -> bool {
    let mut pairs = vec![(a, b)];
    while let Some((a, b)) = pairs.pop() {
        match (a, b) {
            (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
                pairs.extend(a.iter().map(Some).zip(b.iter().map(Some)));
            }
            (Some(Value::Object(a)), Some(Value::Object(b))) if a.len() == b.len() => {
                pairs.extend(a.iter().map(|(key, value)| (Some(value), b.get(key))));
            }
            (Some(Value::Number(a)), Some(Value::Number(b))) if a.is_f64() != b.is_f64() => {
                if a.as_f64() != b.as_f64() {
                    return false;
                }
            }
            (a, b) if a == b => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(value: Value) -> WorkflowRunSpec {
        serde_json::from_value(value).unwrap()
    }

    /// A run is recognised when its creation is repeated, also after the API server has stored its numbers and a user has
    /// cancelled it.
    #[test]
    fn the_run_of_a_repeated_request_is_recognised() {
        let trigger = json!({"kind": "Schedule"});
        let requested =
            spec(json!({"workflowRef": {"name": "report"}, "trigger": trigger, "input": {"a": [1.0, "x"]}}));
        let existing = spec(
            json!({"workflowRef": {"name": "report"}, "trigger": trigger, "input": {"a": [1, "x"]}, "cancel": "Now"}),
        );
        assert!(is_same_run(&existing, &requested));
    }

    /// A run of somebody else, of another workflow or with another input is never taken for one's own.
    #[test]
    fn another_run_is_never_recognised() {
        let requested = json!({"workflowRef": {"name": "report"}, "trigger": {"kind": "Api", "by": "anna@acme.example"},
                               "input": {"a": [1, 2]}});
        for (field, value) in [
            ("workflowRef", json!({"name": "other"})),
            ("trigger", json!({"kind": "Manual", "by": "anna@acme.example"})),
            ("trigger", json!({"kind": "Api", "by": "jan@acme.example"})),
            ("trigger", json!(null)),
            ("input", json!({"a": [1, 3]})),
            ("input", json!({"a": [1]})),
            ("input", json!({"b": [1, 2]})),
            ("input", json!(null)),
            ("priority", json!(1)),
            ("reuse", json!({"run": "earlier", "from": "Failed"})),
        ] {
            let mut existing = requested.clone();
            existing[field] = value;
            assert!(!is_same_run(&spec(existing.clone()), &spec(requested.clone())), "{existing}");
        }
    }
}
