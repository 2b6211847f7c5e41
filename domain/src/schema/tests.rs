use serde_json::{Value, json};

use super::{Schema, describe_violations};

fn refusal(schema: &Value) -> String {
    Schema::compile(schema).expect_err("the schema is refused").to_string()
}

/// All violations of a value are reported, each with its JSON pointer and without the data.
#[test]
fn all_violations_are_reported_with_pointers() {
    let schema = Schema::compile(&json!({
        "type": "object",
        "required": ["csv", "customer"],
        "properties": {
            "csv": {"type": "string", "maxLength": 3},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"q": {"type": "integer", "minimum": 1}}}},
        },
        "additionalProperties": false
    }))
    .expect("the schema is valid");
    assert_eq!(schema.check(&json!({"csv": "abc", "customer": 1})).map_err(|v| v.len()), Err(1));
    let violations = schema
        .check(&json!({"csv": "secret", "lines": [{"q": 1}, {"q": 0}, {"q": "x"}]}))
        .expect_err("the value has four violations");
    insta::assert_snapshot!(describe_violations(&violations));
}

/// At most 20 violations are listed; further ones are counted.
#[test]
fn further_violations_are_counted() {
    let schema = Schema::compile(&json!({"items": {"type": "string"}})).expect("the schema is valid");
    let violations = schema.check(&json!(vec![1; 50])).expect_err("no item is valid");
    assert_eq!(violations.len(), 21);
    assert_eq!(violations.last().map(|last| last.message.as_str()), Some("and 30 more"));
}

/// Schemas that would fetch another document, never end or be too large are refused.
#[test]
fn unsafe_schemas_are_refused() {
    let mut doubling = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
        doubling.insert(format!("l{level}"), json!({"anyOf": [next, next]}));
    }
    doubling.insert("l40".to_owned(), json!(false));
    let refusals: Vec<String> = [
        json!({"$ref": "https://example.com/s.json"}),
        json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
        json!({"$id": "https://example.com/s.json"}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
        json!({"$ref": "#"}),
        json!({"$anchor": "a", "allOf": [{"$ref": "#a"}]}),
        json!({"$defs": doubling, "$ref": "#/$defs/l0"}),
        json!({"pattern": "(a)\\1"}),
        json!({"type": "strin"}),
        json!({"$ref": "#/$defs/none"}),
        json!({"description": "x".repeat(70_000)}),
        json!("not a schema"),
    ]
    .iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(refusals.join("\n"));
}

/// Schemas of recursive data, such as trees, are accepted.
#[test]
fn recursion_into_the_value_is_allowed() {
    let schema = Schema::compile(&json!({
        "type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["name"]
    }))
    .expect("the schema is valid");
    assert_eq!(schema.check(&json!({"name": "a", "children": [{"name": "b"}]})), Ok(()));
    assert!(schema.check(&json!({"name": "a", "children": [{}]})).is_err());
}

/// Patterns that would be quadratic or exponential with backtracking match in linear time.
#[test]
fn patterns_match_in_linear_time() {
    let schema = Schema::compile(&json!({"pattern": "^(a+)+$"})).expect("the schema is valid");
    assert!(schema.check(&json!(format!("{}b", "a".repeat(100_000)))).is_err());
}

/// A value that would take too long to validate is refused: a union of trees applies itself twice at each
/// level.
#[test]
fn values_that_take_too_long_to_validate_are_refused() {
    let node = |kind: &str| json!({"properties": {"left": {"$ref": "#"}, "kind": {"const": kind}}});
    let schema = Schema::compile(&json!({"type": "object", "anyOf": [node("add"), node("mul")]}))
        .expect("the schema is valid");
    let tree = |depth: usize| {
        (0..depth).fold(json!({"kind": "mul"}), |left, _| json!({"left": left, "kind": "mul"}))
    };
    assert_eq!(schema.check(&tree(10)), Ok(()));
    let violations = schema.check(&tree(100)).expect_err("validation would take 2^100 steps");
    assert!(
        describe_violations(&violations).contains("more than 1003232 steps"),
        "{}",
        describe_violations(&violations)
    );
    // A wide value costs only its size.
    assert_eq!(schema.check(&json!({"kind": "add", "other": vec![1; 10_000]})), Ok(()));
}
