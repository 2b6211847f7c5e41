//! Every operation is described completely.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use super::{document, is_success, operations};
use crate::{
    auth::{Operations, Rule},
    http::openapi::{errors::named_codes, examples},
    problem::Code,
};

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Every operation has a summary, a description that names its permission, a defined tag and an ID of its own, and every
/// parameter has a description.
#[test]
fn every_operation_is_described() {
    let (document, rules) = (document(), Operations::load().unwrap());
    let tags: HashSet<_> = document["tags"].as_array().unwrap().iter().map(|tag| text(tag, "name")).collect();
    let mut ids = HashSet::new();
    for (name, operation) in operations(&document) {
        assert!(
            !text(operation, "summary").is_empty() && !text(operation, "summary").ends_with('.'),
            "{name}"
        );
        let description = text(operation, "description");
        assert!(description.ends_with('.'), "{name}: {description}");
        if let Some(Rule::Permitted(permission)) = rules.rest_rule(&name) {
            assert!(description.contains(&format!("`{permission}`")), "{name} does not name {permission}");
        }
        assert!(ids.insert(text(operation, "operationId")), "{name}: its ID is used twice");
        let own = operation["tags"].as_array().unwrap();
        assert!(own.len() == 1 && tags.contains(own[0].as_str().unwrap()), "{name}: {own:?}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(!text(parameter, "description").is_empty(), "{name}: {parameter}");
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
        }
    }
}

/// Every field of every schema has a description, its own or that of the schema that it refers to.
#[test]
fn every_field_is_described() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
        for (field, value) in parts.filter_map(|part| part["properties"].as_object()).flatten() {
            let alternatives = value["oneOf"].as_array().into_iter().flatten().chain([value]);
            let is_described = |value: &Value| value["description"].is_string() || value["$ref"].is_string();
            assert!(alternatives.into_iter().any(is_described), "{name}.{field}: {value}");
        }
    }
}

/// Fields that a response lacks instead of having null there.
const MAY_BE_ABSENT: [(&str, &[&str]); 5] = [
    // Rows of the audit log are not changed, so that their form stays.
    ("AuditChange", &["after", "before", "omitted"]),
    // Only with `include=totalCount`.
    ("PageInfo", &["totalCount"]),
    // A response with an error is small.
    ("Problem", &["detail", "errors"]),
    // A workflow has the fields of its definition in Kubernetes that are set.
    ("Workflow", DEFINITION),
    ("WorkflowPreview", DEFINITION),
];
const DEFINITION: &[&str] =
    &["concurrency", "input", "onExit", "output", "retention", "runners", "schedules", "secrets", "timeout"];

/// Adds the names of the schemas to which a value refers, with those to which they refer.
fn add_schemas<'a>(document: &'a Value, value: &'a Value, names: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) =
                value["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/"))
                && names.insert(name)
            {
                add_schemas(document, &document["components"]["schemas"][name], names);
            }
            fields.values().for_each(|field| add_schemas(document, field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| add_schemas(document, item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A response has every field of its schema, with null if there is no value, so that clients distinguish two cases and not three.
#[test]
fn fields_of_responses_are_required() {
    let document = document();
    let mut names = BTreeSet::new();
    for (_, operation) in operations(&document) {
        add_schemas(&document, &operation["responses"], &mut names);
    }
    for name in names {
        let schema = &document["components"]["schemas"][name];
        let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
        let optional = parts.flat_map(|part| {
            let required = part["required"].as_array().into_iter().flatten().collect::<Vec<_>>();
            let fields = part["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
            fields.filter(move |field| !required.iter().any(|name| name.as_str() == Some(*field)))
        });
        let expected = MAY_BE_ABSENT.iter().find(|(schema, _)| *schema == name).map(|(_, fields)| *fields);
        assert_eq!(optional.collect::<Vec<_>>(), expected.unwrap_or_default(), "{name}");
    }
}

/// Returns whether a media type is JSON.
fn is_json(media_type: &str) -> bool {
    media_type.ends_with("json")
}

/// Every operation has an example of its request and of its response, and every file of examples belongs to an operation.
#[test]
fn every_operation_has_examples() {
    let document = document();
    let mut examples = examples::load().unwrap();
    for (name, operation) in operations(&document) {
        let id = text(operation, "operationId");
        assert!(
            examples.remove(id).is_some_and(|examples| !examples.is_empty()),
            "{name}: no examples/{id}.yaml"
        );
        let body = operation["requestBody"]["content"].as_object().into_iter().flatten();
        // The document is text, in which bytes have no example.
        for (media_type, content) in body.filter(|(media_type, _)| is_json(media_type)) {
            assert!(content["examples"].is_object(), "{name}: {media_type} has no example");
        }
        let responses = operation["responses"].as_object().unwrap().iter();
        let mut successes = responses.filter(|(status, _)| is_success(status)).peekable();
        let is_empty = successes.peek().is_some_and(|(_, response)| response["content"].is_null());
        let has_example = |response: &Value| {
            let mut contents = response["content"].as_object().into_iter().flatten();
            contents.any(|(media_type, content)| !is_json(media_type) || content["examples"].is_object())
        };
        assert!(
            is_empty || successes.any(|(_, response)| has_example(response)),
            "{name} has no example response"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let has_example = !parameter["example"].is_null();
            assert!(has_example || parameter["in"] != "path", "{name}: {parameter} has no example");
        }
    }
    assert!(examples.is_empty(), "examples of operations that do not exist: {:?}", examples.keys());
}

/// Every error response lists its codes, and every code that a description names exists with that status.
#[test]
fn every_error_response_lists_its_codes() {
    let document = document();
    for (name, operation) in operations(&document) {
        for (status, code) in named_codes(text(operation, "description")) {
            let known = Code::parse(&code).unwrap_or_else(|| panic!("{name}: {code} does not exist"));
            assert_eq!(known.status().as_u16(), status, "{name}: {code}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert_ne!(status, "default", "{name}: statuses are listed one by one");
            if status.starts_with(['2', '3']) {
                continue;
            }
            assert!(
                response["content"]["application/problem+json"]["examples"].is_object(),
                "{name} {status}"
            );
            for code in response["x-problem-codes"].as_array().unwrap() {
                let code = Code::parse(code.as_str().unwrap()).unwrap();
                assert_eq!(code.status().as_str(), status, "{name}: {code:?}");
            }
        }
    }
}
