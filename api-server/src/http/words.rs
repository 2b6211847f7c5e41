//! Tests of `docs/reference/words.md`, which compares the names of Kubernetes with those of the API.

use std::collections::BTreeSet;

use crds::{Tenant, Workflow, WorkflowRun, run::QueueReason};
use kube::CustomResourceExt as _;
use serde_json::Value;
use strum::VariantArray as _;

use super::openapi_json;
use crate::app::enum_names::upper_snake;

const WORDS: &str = include_str!("../../../docs/reference/words.md");

/// Returns the cells of the rows of a section's table, without the header.
fn rows(section: &str) -> Vec<Vec<&'static str>> {
    let (_, text) = WORDS.split_once(section).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect()
}

/// Returns the schema of a custom resource.
fn kubernetes_schema(kind: &str) -> Value {
    let definition = match kind {
        "WorkflowRun" => WorkflowRun::crd(),
        "Workflow" => Workflow::crd(),
        "Tenant" => Tenant::crd(),
        kind => panic!("{kind} is not a kind"),
    };
    let definition = serde_json::to_value(definition).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Returns the schema of a field, by its path, such as `status.steps[].phase`.
fn field<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(schema, |schema, name| {
        let field = schema.get("properties")?.get(name.trim_end_matches("[]"))?;
        if name.ends_with("[]") { field.get("items") } else { Some(field) }
    })
}

/// Returns the names of the properties of a schema of the OpenAPI document, with those of its parts.
fn properties(document: &Value, name: &str) -> BTreeSet<String> {
    let schema = &document["components"]["schemas"][name];
    let own = |schema: &Value| -> Vec<String> {
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut names: BTreeSet<String> = own(schema).into_iter().collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        names.extend(own(part));
        if let Some(reference) = part["$ref"].as_str() {
            names.extend(properties(document, reference.rsplit('/').next().unwrap()));
        }
    }
    names
}

/// Every field of the table exists in Kubernetes, REST and GraphQL under the name that the table gives.
#[test]
fn the_fields_exist_under_their_names() {
    let document: Value = serde_json::from_str(&openapi_json().unwrap()).unwrap();
    let sdl = crate::graphql::sdl();
    for row in rows("## Fields") {
        let [kind, kubernetes, rest, graphql] = row[..] else { panic!("{row:?}") };
        let is_metadata = kubernetes.starts_with("metadata.");
        assert!(is_metadata || field(&kubernetes_schema(kind), kubernetes).is_some(), "{kind} {kubernetes}");
        let schema = if kind == "WorkflowRun" { "Run" } else { kind };
        assert!(properties(&document, schema).contains(rest), "{kind} {rest}");
        let graphql = graphql.split(['`', ' ']).next().unwrap();
        let (_, fields) = sdl.split_once(&format!("type {kind} ")).unwrap();
        let fields = fields.split("\n}").next().unwrap();
        let is_field = |line: &str| line.trim().starts_with(&format!("{graphql}:"));
        let has_arguments = |line: &str| line.trim().starts_with(&format!("{graphql}("));
        assert!(
            graphql.is_empty() || fields.lines().any(|line| is_field(line) || has_arguments(line)),
            "{kind} {graphql}"
        );
    }
}

/// The table has all values of each enum, in both spellings.
#[test]
fn all_values_are_listed_in_both_spellings() {
    let (runs, workflows, tenants) =
        (kubernetes_schema("WorkflowRun"), kubernetes_schema("Workflow"), kubernetes_schema("Tenant"));
    let enums = [
        ("phase of a run", field(&runs, "status.phase")),
        ("phase of a step", field(&runs, "status.steps[].phase")),
        ("cancellation", field(&runs, "spec.cancel")),
        ("trigger of a run", field(&runs, "spec.trigger.kind")),
        ("kind of an error", field(&runs, "status.error.kind")),
        ("what a step waits for", field(&runs, "status.steps[].waiting.for")),
        ("state of a workflow", field(&workflows, "spec.state")),
        ("state of a tenant", field(&tenants, "spec.state")),
    ];
    let rows = rows("## Values");
    let reasons = QueueReason::VARIANTS.iter().map(ToString::to_string).collect();
    let values = |(name, schema): (&'static str, Option<&Value>)| {
        let values = schema.and_then(|schema| schema["enum"].as_array()).expect(name);
        (name, values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    let enums = enums.map(values).into_iter().chain([("why a run waits (`queue.reason`)", reasons)]);
    for (name, expected) in enums {
        let expected: Vec<String> = expected;
        let listed: Vec<_> = rows.iter().filter(|row| row[0] == name).collect();
        let kubernetes: Vec<_> = listed.iter().map(|row| row[1].to_owned()).collect();
        assert_eq!(kubernetes, expected, "{name}");
        for row in listed {
            assert_eq!(row[2], upper_snake(row[1]), "{name}");
        }
    }
}
