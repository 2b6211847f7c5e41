//! Schemas, alone and on values.

use std::fmt::Write as _;

use domain::schema::Schema;
use serde_json::{Map, Value, json};

use super::{Case, summary};

pub(super) fn all() -> Vec<Case> {
    let pairs: Vec<(&str, Value, Value)> =
        [alternatives(), references(), lists(), texts(), objects()].concat();
    let checks = pairs
        .into_iter()
        .map(|(name, schema, value)| Case::new(format!("schema {name}"), move || check(&schema, &value)));
    let defaults = defaults().into_iter().map(|(name, schema, value)| {
        Case::new(format!("defaults {name}"), move || complete(&schema, &value))
    });
    checks.chain(defaults).collect()
}

/// Compiles a schema and adds its defaults to a value.
fn complete(schema: &Value, value: &Value) -> String {
    match Schema::compile(schema).expect("the schema is valid").complete(value.clone()) {
        Ok(completed) => format!("{} bytes", completed.to_string().len()),
        Err(violations) => summary(&violations.first().map(ToString::to_string).unwrap_or_default()),
    }
}

fn defaults() -> Vec<(&'static str, Value, Value)> {
    let node = json!({"properties": {"a": {"$ref": "#/$defs/node", "default": {}}, "b": {"$ref": "#/$defs/node", "default": {}}}});
    vec![
        (
            "of 50 KB × 1,000 items",
            json!({"items": {"properties": {"text": {"default": "x".repeat(50_000)}}}}),
            json!(vec![json!({}); 1_000]),
        ),
        ("that double without end", json!({"$defs": {"node": node}, "$ref": "#/$defs/node"}), json!({})),
        (
            "of 2,000 properties × 20,000 items",
            json!({"items": {"properties": (0..2_000).map(|n| (format!("p{n}"), json!({"default": 0}))).collect::<Map<_, _>>()}}),
            json!(vec![json!({}); 20_000]),
        ),
    ]
}

/// Compiles a schema and validates a value against it.
pub(crate) fn check(schema: &Value, value: &Value) -> String {
    let schema = match Schema::compile(schema) {
        Ok(schema) => schema,
        Err(error) => return format!("refused: {}", summary(&error.to_string())),
    };
    let cost = schema.cost(value);
    let violations = schema.check(value).err().unwrap_or_default();
    assert!(violations.len() <= 21, "{} violations", violations.len());
    let first = violations.first().map(ToString::to_string).unwrap_or_default();
    format!("{cost:?} units, {} violations: {}", violations.len(), summary(&first))
}

fn consts(count: usize) -> Vec<Value> {
    (1..=count).map(|number| json!({"const": number})).collect()
}

fn alternatives() -> Vec<(&'static str, Value, Value)> {
    let nested = (0..60).fold(json!({"anyOf": consts(20)}), |inner, _| json!({"anyOf": [inner]}));
    vec![
        (
            "12,000 positions × 85,000 empty lists",
            json!({"items": {"prefixItems": vec![true; 12_000]}}),
            json!(vec![Value::Array(Vec::new()); 85_000]),
        ),
        (
            "3,000 patterns of properties × 85,000 numbers",
            json!({"items": {"patternProperties": (0..3_000).map(|n| (format!("a{n}"), json!(true))).collect::<Map<_, _>>()}}),
            json!(vec![0; 85_000]),
        ),
        ("1,000 consts × 1,000", json!({"items": {"anyOf": consts(1000)}}), json!(vec![0; 1000])),
        ("1,000 consts × 5,000", json!({"items": {"anyOf": consts(1000)}}), json!(vec![0; 5000])),
        ("1,000 consts in oneOf", json!({"items": {"oneOf": consts(1000)}}), json!(vec![0; 900])),
        ("nested anyOf", json!({"items": nested}), json!(vec![0; 1000])),
        ("not", json!({"items": {"not": {"not": {"anyOf": consts(500)}}}}), json!(vec![0; 1500])),
        (
            "if, then, else",
            json!({"items": {"if": {"anyOf": consts(300)}, "then": false, "else": {"anyOf": consts(300)}}}),
            json!(vec![0; 1500]),
        ),
        ("an enum", json!({"items": {"enum": (1..10_000).collect::<Vec<_>>()}}), json!(vec![0; 5000])),
        (
            "an enum of lists",
            json!({"items": {"enum": vec![json!([[], []]); 8000]}}),
            json!(vec![json!([[], 1]); 300]),
        ),
        ("required", json!({"items": {"required": names(2000)}}), json!(vec![json!({}); 400])),
    ]
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("n{number}")).collect()
}

/// A chain of definitions: each is created from the reference to the next one.
fn chain(length: usize, next: impl Fn(Value) -> Value, last: Value) -> Value {
    let mut definitions: Map<String, Value> = (0..length)
        .map(|level| (format!("l{level}"), next(json!({"$ref": format!("#/$defs/l{}", level + 1)}))))
        .collect();
    definitions.insert(format!("l{length}"), last);
    json!({"$defs": definitions, "$ref": "#/$defs/l0"})
}

fn references() -> Vec<(&'static str, Value, Value)> {
    let doubled = |next: Value| json!({"anyOf": [next, next]});
    let tree = (0..60).fold(json!({}), |inner, _| json!({"a": inner, "b": 1}));
    let percent = json!({"%24defs": {}, "$defs": {"a": {"anyOf": [{"$ref": "#/%24defs/a"}, {"$ref": "#/%24defs/a"}]}}, "$ref": "#/%24defs/a"});
    let union = json!({"anyOf": [{"properties": {"a": {"$ref": "#"}, "b": {"const": 2}}}, {"properties": {"a": {"$ref": "#"}, "b": {"const": 3}}}]});
    let unevaluated = |next: Value| json!({"allOf": [next], "unevaluatedProperties": false});
    let pattern = json!({"pattern": r"^\p{L}{20}$"});
    let shared: Vec<_> = (0..1500).map(|_| json!({"$ref": "#/$defs/p"})).collect();
    vec![
        ("references that double", chain(40, doubled, json!(false)), json!(1)),
        ("references that double, allowed", chain(11, doubled, json!(false)), json!(vec![1; 300])),
        ("a long chain", chain(1500, |next| next, json!(true)), json!(1)),
        (
            "a long chain through properties",
            chain(1300, |next| json!({"properties": {"a": next}}), json!(true)),
            tree.clone(),
        ),
        (
            "doubling through properties",
            chain(60, |next| json!({"properties": {"a": next, "b": next}}), json!(true)),
            tree.clone(),
        ),
        ("references in percent-encoding", percent, json!(1)),
        ("a union of trees", union, tree.clone()),
        (
            "unevaluatedProperties, nested",
            chain(100, unevaluated, json!({"properties": {"a": true}})),
            tree.clone(),
        ),
        (
            "unevaluatedProperties, doubled",
            chain(
                10,
                |next| json!({"anyOf": [next, next], "unevaluatedProperties": false}),
                json!({"properties": {"z": true}}),
            ),
            tree,
        ),
        (
            "a pattern, referenced often",
            json!({"$defs": {"p": pattern}, "allOf": shared}),
            json!("ä".repeat(20)),
        ),
    ]
}

fn lists() -> Vec<(&'static str, Value, Value)> {
    // Lists of lists whose structure differs, while they have the same hash.
    let trees: Vec<Value> = (0..10_000_u32).map(tree_of_lists).collect();
    let integers: Vec<Value> = (0..11_000_u64).map(|number| json!((1_u64 << 63) + number)).collect();
    vec![
        ("uniqueItems of equal hashes", json!({"uniqueItems": true}), json!(trees)),
        ("uniqueItems of large integers", json!({"uniqueItems": true}), json!(integers)),
        (
            "uniqueItems, nested",
            json!({"uniqueItems": true, "items": {"$ref": "#"}}),
            (0..60).fold(json!(1), |inner, _| json!([inner, 2, 3])),
        ),
        ("contains", json!({"contains": {"anyOf": consts(500)}, "minContains": 2}), json!(vec![0; 1500])),
        ("multipleOf", json!({"items": {"multipleOf": 1e-300}}), json!(vec![1e300; 5000])),
        ("multipleOf 0.01", json!({"items": {"multipleOf": 0.01}}), json!(vec![1e15; 5000])),
        (
            "unevaluatedItems",
            json!({"anyOf": [{"prefixItems": consts(500)}], "unevaluatedItems": {"anyOf": consts(500)}}),
            json!(vec![0; 1000]),
        ),
        ("a large valid list", json!({"items": {"type": "integer"}}), json!(vec![0; 120_000])),
        ("a large invalid list", json!({"items": {"type": "string"}}), json!(vec![0; 120_000])),
        (
            "a list of objects",
            json!({"items": {"required": ["a", "b"], "properties": {"a": {"type": "string"}}, "additionalProperties": false}}),
            json!(vec![json!({"c": 1}); 20_000]),
        ),
    ]
}

fn tree_of_lists(number: u32) -> Value {
    let mut text = String::new();
    for bit in 0..14 {
        let _ = write!(text, "{}", if number >> bit & 1 == 1 { "[[]]," } else { "[]," });
    }
    serde_json::from_str(&format!("[{}]", text.trim_end_matches(','))).unwrap()
}

fn texts() -> Vec<(&'static str, Value, Value)> {
    let text = "x".repeat(200_000);
    let mut cases = vec![
        ("a pattern", json!({"pattern": "(x+x+)+y"}), json!(text)),
        (
            "many patterns",
            json!({"allOf": (0..100).map(|n| json!({"pattern": format!("(x+x+)+y{n}")})).collect::<Vec<_>>()}),
            json!(text),
        ),
        (
            "a pattern that fills the cache",
            json!({"pattern": "(x|y)*y(x|y){30}$"}),
            json!("xyxxyyxy".repeat(25_000)),
        ),
        ("maxLength", json!({"maxLength": 1}), json!("ä".repeat(100_000))),
        (
            "200 patterns of letters",
            json!({"anyOf": (0..200).map(|n| json!({"pattern": format!(r"\p{{L}}{{20}}{n}")})).collect::<Vec<_>>()}),
            json!(1),
        ),
        (
            "patterns × names",
            json!({"patternProperties": {"(x+x+)+y": true, "(x+x+)+z": true}}),
            json!({text: 1}),
        ),
    ];
    for format in FORMATS {
        for (kind, text) in [
            ("x", "x"),
            ("digits", "1"),
            ("a@", "a@"),
            ("dots", "a."),
            ("slashes", "/~0"),
            ("brackets", "(["),
            ("percent", "%41"),
            ("colons", "::1:"),
        ] {
            let name: &'static str = Box::leak(format!("format {format}, {kind}").into_boxed_str());
            cases.push((name, json!({"format": format}), json!(text.repeat(200_000 / text.len()))));
        }
    }
    cases
}

const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

fn objects() -> Vec<(&'static str, Value, Value)> {
    let many: Map<_, _> = (0..15_000).map(|number| (format!("n{number}"), json!(number))).collect();
    let deep_names = (0..1500).fold(Map::new(), |mut fields, number| {
        fields.insert(format!("p{number}"), json!({"type": "string"}));
        fields
    });
    let dependent: Map<_, _> =
        (0..60).map(|number| (format!("n{number}"), json!({"anyOf": consts(20)}))).collect();
    vec![
        (
            "propertyNames",
            json!({"propertyNames": {"anyOf": (0..300).map(|n| json!({"pattern": format!("^x{n}")})).collect::<Vec<_>>()}}),
            json!(many),
        ),
        (
            "patternProperties",
            json!({"patternProperties": (0..500).map(|n| (format!("^x{n}"), json!(true))).collect::<Map<_, _>>(), "additionalProperties": false}),
            json!(many),
        ),
        ("additionalProperties", json!({"additionalProperties": {"anyOf": consts(500)}}), json!(many)),
        (
            "dependentSchemas",
            json!({"items": {"dependentSchemas": dependent}}),
            json!(vec![json!({"n1": 1}); 3000]),
        ),
        (
            "a long name above many",
            json!({"properties": {"q".repeat(30_000): {"properties": deep_names}}}),
            json!({}),
        ),
    ]
}
