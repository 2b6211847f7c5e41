//! Shapes of data that this version produces itself, as JSON Schemas: outputs of steps and variables. A reference to a field
//! that a shape does not have is a problem of the workflow.
//!
//! The output of a `python` or `container` step has the shape that its code gives it, which only `output.schema` declares.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crds::workflow::{Action, ApprovalAction, HttpAction, HttpResponse, Step as StepSpec};
use serde_json::{Map, Value, json};

use crate::schema::has_references;

/// Maximum depth of the shape of a template. Deeper parts of it may have any shape.
const MAX_TEMPLATE_DEPTH: usize = 8;

/// Shapes of the variables that exist in every expression, except for `input`, `item` and `steps`.
static VARIABLES: LazyLock<BTreeMap<&'static str, Value>> = LazyLock::new(|| {
    let any = || json!({});
    BTreeMap::from([
        ("run", object([("id", any()), ("name", any()), ("createdAt", any())])),
        ("tenant", object([("name", any()), ("settings", any())])),
        ("workflow", object([("name", any())])),
        (
            "outcome",
            object([
                ("phase", any()),
                ("error", object(["step", "kind", "code", "message"].map(|name| (name, any())))),
            ]),
        ),
    ])
});

/// Fields of `error` of a step.
const ERROR_FIELDS: [&str; 4] = ["kind", "code", "message", "details"];

/// Shape of the error of a step.
static ERROR: LazyLock<Value> = LazyLock::new(|| object(ERROR_FIELDS.map(|name| (name, json!({})))));

/// Returns the shape of `error` of a step.
pub(super) fn of_error() -> &'static Value {
    &ERROR
}

/// Returns the shape of a variable, if it has one.
pub(super) fn of_variable(name: &str) -> Option<&'static Value> {
    VARIABLES.get(name)
}

/// Returns the shapes of the outputs of steps, by the name of the step; with `forEach`, of the output of one item.
/// `workflows` has the shapes of the outputs of other workflows, by their name.
pub(super) fn of_steps<'a>(
    steps: impl Iterator<Item = &'a StepSpec>,
    workflows: impl Fn(&str) -> Option<Value>,
) -> BTreeMap<&'a str, Value> {
    steps
        .filter_map(|step| {
            let shape = match step.action()? {
                Action::Http(http) => of_response(http),
                Action::Approval(approval) => of_decision(approval),
                Action::Expr(expr) => of_template(&expr.value, MAX_TEMPLATE_DEPTH),
                Action::Workflow(workflow) => workflows(&workflow.name)?,
                Action::Wait(_) => object([("elapsed", json!({"type": "boolean"}))]),
                Action::Python(_) | Action::Container(_) | Action::Search(_) => return None,
            };
            Some((step.name.as_str(), shape))
        })
        .collect()
}

fn of_response(http: &HttpAction) -> Value {
    let body = match http.response {
        Some(HttpResponse::Text | HttpResponse::Bytes) => json!({"type": ["string", "null"]}),
        Some(HttpResponse::Json) | None => json!({}),
    };
    let text = json!({"type": "string"});
    object([
        ("status", json!({"type": "integer"})),
        ("headers", json!({"type": "object", "additionalProperties": text})),
        ("headerValues", json!({"type": "object", "additionalProperties": {"type": "array", "items": text}})),
        ("body", body),
    ])
}

/// A form with references is not part of the shape, since it would be used without the definitions that it refers to.
fn of_decision(approval: &ApprovalAction) -> Value {
    let form = approval.schema.as_ref().filter(|form| !has_references(form));
    object([
        ("approved", json!({"type": "boolean"})),
        ("by", json!({"type": ["string", "null"]})),
        ("input", form.cloned().unwrap_or_else(|| json!({}))),
    ])
}

/// Returns the shape of the value of a template: the names of its fields, and the types of what is not computed.
pub(super) fn of_template(template: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return json!({}) };
    match template {
        Value::Object(fields) => {
            object(fields.iter().map(|(name, field)| (name.as_str(), of_template(field, depth))))
        }
        Value::Array(_) => json!({"type": "array"}),
        Value::String(text) if text.contains("${{") => json!({}),
        Value::String(_) => json!({"type": "string"}),
        Value::Number(_) => json!({"type": "number"}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Null => json!({"type": "null"}),
    }
}

/// Returns the shape of the output of a workflow: that of its template or, without one, the outputs of the steps that no
/// other step needs.
pub(super) fn of_workflow(spec: &crds::WorkflowSpec) -> Value {
    match &spec.output {
        Some(template) => of_template(template, MAX_TEMPLATE_DEPTH),
        None => {
            let is_needed =
                |name: &str| spec.steps.iter().any(|step| step.needs.iter().any(|need| need == name));
            let terminal = spec.steps.iter().map(|step| step.name.as_str()).filter(|name| !is_needed(name));
            object(terminal.map(|name| (name, json!({}))))
        }
    }
}

/// Returns the shape of an object that has exactly these fields.
fn object<'n>(fields: impl IntoIterator<Item = (&'n str, Value)>) -> Value {
    let properties: Map<String, Value> =
        fields.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}
