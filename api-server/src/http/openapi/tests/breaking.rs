//! Changes of the document that break clients, found by comparison with the released document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{document, operations};

/// Document of the last release.
const RELEASED: &str = include_str!("../../../../released/openapi.yaml");
/// Breaking changes that the next release makes on purpose, one a line.
const ACCEPTED: &str = include_str!("../../../../released/accepted-openapi-changes.txt");
/// Keywords of JSON Schema that limit values from below, and from above.
const MINIMA: [&str; 3] = ["minimum", "minLength", "minItems"];
const MAXIMA: [&str; 3] = ["maximum", "maxLength", "maxItems"];

/// Returns the changes between two documents that break a client which is correct for the old one, in the order of their places.
fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, changes: BTreeSet::new(), compared: BTreeSet::new() };
    let present: BTreeMap<_, _> = operations(new).into_iter().collect();
    for (name, operation) in operations(old) {
        match present.get(&name) {
            Some(present) => comparison.compare_operations(&name, operation, present),
            None => comparison.add(&name, "was removed"),
        }
    }
    comparison.changes.into_iter().collect()
}

/// Whether clients send values of a schema, or receive them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Request,
    Response,
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    changes: BTreeSet<String>,
    /// Named schemas that were compared, since they may refer to themselves.
    compared: BTreeSet<(Direction, String, String)>,
}

/// Returns the items of a list; none if there is no list.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns the fields of an object; none if there is no object.
fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn texts(value: &Value) -> BTreeSet<&str> {
    items(value).filter_map(Value::as_str).collect()
}

/// Returns the types that a schema permits; none if it permits any.
fn types(schema: &Value) -> BTreeSet<&str> {
    match &schema["type"] {
        Value::String(name) => BTreeSet::from([name.as_str()]),
        names => texts(names),
    }
}

/// Returns the name of the schema to which a schema refers.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

impl<'a> Comparison<'a> {
    fn add(&mut self, place: &str, change: &str) {
        self.changes.insert(format!("{place} {change}"));
    }

    fn compare_operations(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        self.compare_parameters(name, &old["parameters"], &new["parameters"]);
        let (old_body, new_body) = (&old["requestBody"], &new["requestBody"]);
        if new_body["required"] == true && old_body["required"] != true {
            self.add(name, "requires a body");
        }
        self.compare_contents(&format!("{name} body"), old_body, new_body, Direction::Request);
        for (status, old) in fields(&old["responses"]) {
            let place = format!("{name} {status}");
            match &new["responses"][status] {
                Value::Null => self.add(&place, "was removed"),
                new => {
                    self.compare_contents(&place, old, new, Direction::Response);
                    for code in texts(&old["x-problem-codes"]).difference(&texts(&new["x-problem-codes"])) {
                        self.add(&format!("{place} {code}"), "was removed");
                    }
                }
            }
        }
    }

    fn compare_parameters(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        let is_same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        let place = |parameter: &Value| format!("{name} {}", parameter["name"].as_str().unwrap_or_default());
        for parameter in items(old) {
            match items(new).find(|new| is_same(parameter, new)) {
                Some(new) => {
                    let (old, new) = (&parameter["schema"], &new["schema"]);
                    self.compare_schemas(&place(parameter), old, new, Direction::Request);
                }
                None => self.add(&place(parameter), "was removed"),
            }
        }
        for parameter in items(new).filter(|parameter| parameter["required"] == true) {
            let before = items(old).find(|old| is_same(old, parameter));
            if before.is_none_or(|before| before["required"] != true) {
                self.add(&place(parameter), "is required");
            }
        }
    }

    fn compare_contents(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        for (media_type, old) in fields(&old["content"]) {
            match &new["content"][media_type] {
                Value::Null => self.add(&format!("{place} {media_type}"), "was removed"),
                new => self.compare_schemas(place, &old["schema"], &new["schema"], direction),
            }
        }
    }

    fn compare_schemas(&mut self, place: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        if let (Some(old), Some(new)) = (reference(old), reference(new))
            && !self.compared.insert((direction, old.to_owned(), new.to_owned()))
        {
            return;
        }
        // A named schema is named instead of the place of its first use, so that a change of it is reported once.
        let place = reference(old).unwrap_or(place);
        let (old, new) = (resolve(self.old, old), resolve(self.new, new));
        self.compare_types(place, &old, &new, direction);
        self.compare_limits(place, &old, &new, direction);
        self.compare_properties(place, &old, &new, direction);
        if let (Some(old), Some(new)) = (old.items, new.items) {
            self.compare_schemas(&format!("{place}[]"), old, new, direction);
        }
        for (number, alternative) in old.alternatives.iter().enumerate() {
            match new.alternatives.get(number) {
                Some(new) => self.compare_schemas(place, alternative, new, direction),
                None if direction == Direction::Request => self.add(place, "has fewer alternatives"),
                None => {}
            }
        }
        if direction == Direction::Response && new.alternatives.len() > old.alternatives.len() {
            self.add(place, "has more alternatives");
        }
    }

    fn compare_types(&mut self, place: &str, old: &Resolved<'_>, new: &Resolved<'_>, direction: Direction) {
        let (narrower, wider) = match direction {
            Direction::Request => (&old.types, &new.types),
            Direction::Response => (&new.types, &old.types),
        };
        // No type means any type.
        let is_compatible = wider.is_empty() || (!narrower.is_empty() && narrower.is_subset(wider));
        if !is_compatible {
            let names = |types: &BTreeSet<&str>| match types.is_empty() {
                true => "any".to_owned(),
                false => types.iter().copied().collect::<Vec<_>>().join("|"),
            };
            self.add(place, &format!("has the type {} instead of {}", names(&new.types), names(&old.types)));
        }
        if direction == Direction::Response {
            // Clients accept new values.
            return;
        }
        match (old.values.is_empty(), new.values.is_empty()) {
            (_, true) => {}
            (true, false) => self.add(place, "permits some values only"),
            (false, false) => {
                for value in old.values.difference(&new.values) {
                    self.add(&format!("{place} {value}"), "was removed");
                }
            }
        }
    }

    fn compare_limits(&mut self, place: &str, old: &Resolved<'_>, new: &Resolved<'_>, direction: Direction) {
        if direction == Direction::Response {
            return;
        }
        for (name, limit) in &new.limits {
            let before = old.limits.get(name);
            let is_narrower = match before {
                None => true,
                Some(before) if MINIMA.contains(name) => limit > before,
                Some(before) => limit < before,
            };
            if is_narrower {
                self.add(place, &format!("has a narrower {name}"));
            }
        }
    }

    fn compare_properties(
        &mut self,
        place: &str,
        old: &Resolved<'a>,
        new: &Resolved<'a>,
        direction: Direction,
    ) {
        for (name, property) in &old.properties {
            let place = format!("{place}.{name}");
            match new.properties.get(name) {
                Some(new) => self.compare_schemas(&place, property, new, direction),
                // An object that is open for any field.
                None if direction == Direction::Request && new.properties.is_empty() => {}
                None => self.add(&place, "was removed"),
            }
        }
        let (required, message) = match direction {
            Direction::Request => (new.required.difference(&old.required), "is required"),
            Direction::Response => (old.required.difference(&new.required), "may be absent"),
        };
        for name in required.filter(|name| new.properties.contains_key(*name)) {
            self.add(&format!("{place}.{name}"), message);
        }
    }
}

/// Schema with the parts that it refers to.
#[derive(Default)]
struct Resolved<'a> {
    types: BTreeSet<&'a str>,
    values: BTreeSet<String>,
    limits: BTreeMap<&'static str, f64>,
    properties: BTreeMap<&'a str, &'a Value>,
    required: BTreeSet<&'a str>,
    items: Option<&'a Value>,
    /// Schemas of which a value has one, except for null.
    alternatives: Vec<&'a Value>,
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> Resolved<'a> {
    let mut resolved = Resolved::default();
    resolved.add(document, schema);
    resolved
}

impl<'a> Resolved<'a> {
    fn add(&mut self, document: &'a Value, schema: &'a Value) {
        if let Some(name) = reference(schema) {
            self.add(document, &document["components"]["schemas"][name]);
        }
        items(&schema["allOf"]).for_each(|part| self.add(document, part));
        self.types.extend(types(schema));
        self.values.extend(items(&schema["enum"]).map(Value::to_string));
        self.properties.extend(fields(&schema["properties"]).map(|(name, schema)| (name.as_str(), schema)));
        self.required.extend(texts(&schema["required"]));
        self.items = self.items.or(schema.get("items"));
        for name in MINIMA.into_iter().chain(MAXIMA) {
            self.limits.extend(schema[name].as_f64().map(|limit| (name, limit)));
        }
        for alternative in ["oneOf", "anyOf"].into_iter().flat_map(|name| items(&schema[name])) {
            match types(alternative).into_iter().collect::<Vec<_>>().as_slice() {
                ["null"] => drop(self.types.insert("null")),
                _ => self.alternatives.push(alternative),
            }
        }
    }
}

/// The document has no breaking change that `released/accepted-openapi-changes.txt` does not list, and that file lists no other.
#[test]
fn the_document_breaks_no_client_of_the_released_one() {
    let released: Value = serde_yaml::from_str(RELEASED).unwrap();
    let accepted: Vec<_> = ACCEPTED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        breaking_changes(&released, &document()),
        accepted,
        "undo the change, or list it in api-server/released/accepted-openapi-changes.txt"
    );
}

/// Returns a document with one operation.
fn with_operation(operation: &Value, schema: &Value) -> Value {
    json!({"paths": {"/a": {"post": operation}}, "components": {"schemas": {"A": schema}}})
}

/// Returns a document whose operation has a body with this schema.
fn with_schema(schema: &Value) -> Value {
    let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/A"}}});
    with_operation(&json!({"requestBody": {"content": content}, "responses": {}}), schema)
}

/// Returns a document whose operation has a response with this schema.
fn with_response(schema: &Value) -> Value {
    let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/A"}}});
    with_operation(&json!({"responses": {"200": {"content": content}}}), schema)
}

/// Removed operations, parameters, statuses, codes and media types are breaking changes, and so is what a request must have now;
/// additions are not.
#[test]
fn breaking_changes_of_operations_are_found() {
    let parameter = |name: &str, required: bool| json!({"name": name, "in": "query", "required": required});
    let status = |codes: &[&str]| json!({"x-problem-codes": codes, "content": {"text/plain": {}}});
    for (old, new, changes) in [
        (json!({"parameters": [parameter("b", false)]}), json!({}), &["POST /a b was removed"][..]),
        (json!({}), json!({"parameters": [parameter("b", true)]}), &["POST /a b is required"]),
        (
            json!({"parameters": [parameter("b", false)]}),
            json!({"parameters": [parameter("b", true)]}),
            &["POST /a b is required"],
        ),
        (json!({}), json!({"parameters": [parameter("b", false)]}), &[]),
        (json!({"parameters": [parameter("b", true)]}), json!({"parameters": [parameter("b", false)]}), &[]),
        (json!({}), json!({"requestBody": {"required": true}}), &["POST /a requires a body"]),
        (json!({"responses": {"409": status(&[])}}), json!({}), &["POST /a 409 was removed"]),
        (
            json!({"responses": {"409": status(&["b", "c"])}}),
            json!({"responses": {"409": status(&["c", "d"])}}),
            &["POST /a 409 b was removed"],
        ),
        (
            json!({"responses": {"200": status(&[])}}),
            json!({"responses": {"200": {"content": {"text/html": {}}}}}),
            &["POST /a 200 text/plain was removed"],
        ),
        (json!({}), json!({"responses": {"409": status(&["b"])}}), &[]),
    ] {
        let (old, new) = (with_operation(&old, &json!({})), with_operation(&new, &json!({})));
        assert_eq!(breaking_changes(&old, &new), changes, "{old} -> {new}");
    }
    let none = json!({"paths": {}});
    assert_eq!(breaking_changes(&with_schema(&json!({})), &none), ["POST /a was removed"]);
    assert!(breaking_changes(&none, &with_schema(&json!({}))).is_empty());
}

/// Schemas before and after a change, with the breaking changes of a request and of a response that have them.
type Case<'a> = (Value, Value, &'a [&'a str], &'a [&'a str]);

/// Returns a schema of an object with the field `b`.
fn field(schema: &Value) -> Value {
    json!({"type": "object", "properties": {"b": schema}})
}

fn assert_found(cases: &[Case<'_>]) {
    for (old, new, of_request, of_response) in cases {
        let found = breaking_changes(&with_schema(old), &with_schema(new));
        assert_eq!(found, *of_request, "request: {old} -> {new}");
        let found = breaking_changes(&with_response(old), &with_response(new));
        assert_eq!(found, *of_response, "response: {old} -> {new}");
    }
}

/// A narrower schema breaks requests, and a wider one or one with fewer fields breaks those who read responses.
#[test]
fn breaking_changes_of_schemas_are_found() {
    let required = |names: &[&str]| json!({"properties": {"b": {}, "c": {}}, "required": names});
    assert_found(&[
        (required(&[]), json!({"properties": {"b": {}}}), &["A.c was removed"], &["A.c was removed"]),
        (required(&["b"]), required(&["b", "c"]), &["A.c is required"], &[]),
        (required(&["b", "c"]), required(&["c"]), &[], &["A.b may be absent"]),
        (
            field(&json!({"type": ["string", "null"]})),
            field(&json!({"type": "string"})),
            &["A.b has the type string instead of null|string"],
            &[],
        ),
        (
            field(&json!({"type": "string"})),
            field(&json!({"type": ["string", "null"]})),
            &[],
            &["A.b has the type null|string instead of string"],
        ),
        (
            field(&json!({"type": "string"})),
            field(&json!({"type": "integer"})),
            &["A.b has the type integer instead of string"],
            &["A.b has the type integer instead of string"],
        ),
        (
            field(&json!({"enum": ["x", "y"]})),
            field(&json!({"enum": ["y", "z"]})),
            &["A.b \"x\" was removed"],
            &[],
        ),
        (field(&json!({})), field(&json!({"enum": ["x"]})), &["A.b permits some values only"], &[]),
        (field(&json!({})), field(&json!({"maxLength": 9})), &["A.b has a narrower maxLength"], &[]),
        (
            field(&json!({"minimum": 1, "maximum": 9})),
            field(&json!({"minimum": 2, "maximum": 10})),
            &["A.b has a narrower minimum"],
            &[],
        ),
    ]);
}

/// Changes are found in lists, in combined schemas and in schemas that refer to themselves.
#[test]
fn breaking_changes_of_nested_schemas_are_found() {
    assert_found(&[
        (
            field(&json!({"items": {"type": "string"}})),
            field(&json!({"items": {"type": ["string", "null"]}})),
            &[],
            &["A.b[] has the type null|string instead of string"],
        ),
        (
            json!({"allOf": [field(&json!({"type": "string"}))]}),
            json!({"allOf": [field(&json!({"type": "integer"}))]}),
            &["A.b has the type integer instead of string"],
            &["A.b has the type integer instead of string"],
        ),
        (
            field(&json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/A"}]})),
            field(&json!({"oneOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]})),
            &[],
            &[],
        ),
    ]);
}
