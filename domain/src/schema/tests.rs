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

fn complete(schema: &Value, value: Value) -> Result<Value, Vec<super::Violation>> {
    Schema::compile(schema).expect("the schema is valid").complete(value)
}

/// A property that is absent gets its default before validation, at every depth; one that is present keeps its
/// value, also null.
#[test]
fn defaults_are_applied_at_every_depth() {
    let schema = json!({
        "type": "object",
        "$defs": {"currency": {"type": "string", "default": "EUR"},
                  "item": {"type": "object", "required": ["quantity"], "properties": {"quantity": {"type": "integer", "default": 1}}}},
        "required": ["lang", "currency"],
        "properties": {
            "lang": {"type": "string", "default": "de"},
            "note": {"default": "none"},
            "currency": {"$ref": "#/$defs/currency"},
            "own": {"$ref": "#/$defs/currency", "default": "CHF"},
            "both": {"allOf": [{"type": "integer"}, {"default": 7}, {"default": 8}]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "pair": {"prefixItems": [{"properties": {"first": {"default": true}}}], "items": {"properties": {"rest": {"default": true}}}},
            "options": {"type": "object", "default": {}, "properties": {"deep": {"type": "object", "default": {"a": 1}, "properties": {"b": {"default": 2}}}}},
            "map": {"additionalProperties": {"properties": {"x": {"default": 0}}}},
        },
        "allOf": [{"properties": {"late": {"default": "yes"}, "lang": {"default": "en"}}}],
    });
    let completed = complete(
        &schema,
        json!({"note": null, "lines": [{}, {"quantity": 2}], "pair": [{}, {}], "map": {"k": {}}, "other": 1}),
    );
    assert_eq!(
        completed,
        Ok(json!({
            "lang": "de", "note": null, "currency": "EUR", "own": "CHF", "both": 7,
            "lines": [{"quantity": 1}, {"quantity": 2}], "pair": [{"first": true}, {"rest": true}],
            "options": {"deep": {"a": 1, "b": 2}}, "map": {"k": {"x": 0}}, "late": "yes", "other": 1,
        }))
    );
}

/// Subschemas that may not apply to the value add no defaults.
#[test]
fn alternatives_add_no_defaults() {
    let part = json!({"properties": {"a": {"default": 1}}});
    for keyword in ["anyOf", "oneOf"] {
        assert_eq!(complete(&json!({keyword: [part]}), json!({})), Ok(json!({})), "{keyword}");
    }
    for keyword in ["not", "if", "then", "else", "unevaluatedProperties", "contains", "propertyNames"] {
        let completed = complete(&json!({keyword: part, "default": {"root": 1}}), json!({}));
        assert!(completed.is_err() || completed == Ok(json!({})), "{keyword}");
    }
    let pattern = json!({"patternProperties": {"^a": part}, "additionalProperties": part});
    assert_eq!(complete(&pattern, json!({"a": {}, "b": {}})), Ok(json!({"a": {}, "b": {}})));
}

/// Defaults that multiply or never end are refused with the limit, before they occupy memory.
#[test]
fn defaults_that_multiply_are_refused() {
    let large = "x".repeat(50_000);
    let schema = json!({"items": {"properties": {"text": {"default": large}}}});
    let violations = complete(&schema, json!(vec![json!({}); 1000])).expect_err("the defaults have 50 MB");
    assert!(violations[0].message.contains("262144 bytes"), "{violations:?}");
    let node = json!({"properties": {"next": {"$ref": "#/$defs/node", "default": {}}, "other": {"$ref": "#/$defs/node", "default": {}}}});
    let endless = json!({"$defs": {"node": node}, "$ref": "#/$defs/node"});
    assert!(complete(&endless, json!({})).is_err());
    let compiled = Schema::compile(&endless).expect("the schema is valid");
    assert!(compiled.check_defaults(&endless).is_err());
}

/// A default that its own subschema does not allow is found without a value, with its place and the reason.
#[test]
fn a_default_must_satisfy_its_own_schema() {
    let check = |schema: Value| {
        let compiled = Schema::compile(&schema).expect("the schema is valid");
        compiled.check_defaults(&schema).map_err(|error| error.to_string())
    };
    assert_eq!(
        check(json!({"properties": {"n p": {"type": "integer", "default": "5"}}})),
        Err("/properties/n p/default: it violates its own schema: value is not of type \"integer\""
            .to_owned())
    );
    let item = json!({"type": "object", "required": ["q"], "properties": {"q": {"$ref": "#/$defs/%C3%A4"}}});
    let with = |default: Value| json!({"$defs": {"ä": {"type": "integer", "default": default}}, "properties": {"item": {"default": {}, "allOf": [item]}}});
    assert_eq!(check(with(json!(1))), Ok(()));
    assert!(check(with(json!("1"))).is_err());
}
