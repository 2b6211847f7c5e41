use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Context, EvaluateError, ParseError, Program};

fn evaluate(source: &str) -> Result<Value, EvaluateError> {
    let context = Context::new()
        .with("input", json!({"items": [1, 2, 3], "name": "Bäckerei", "price": 2.5, "big": u64::MAX}))
        .with(
            "steps",
            json!({"fetch": {"output": {"rows": [{"id": "a"}, {"id": "b"}]}, "phase": "Succeeded"}}),
        );
    Program::parse(source).expect("the expression is valid").evaluate(&context)
}

/// The value of an expression is JSON, with numbers, times and bytes in their documented form.
#[test]
fn expressions_evaluate_to_json() {
    for (source, expected) in [
        ("input.items.map(i, i * 2)", json!([2, 4, 6])),
        ("input.items.filter(i, i > 1).size()", json!(2)),
        ("input.items.exists(i, i == 3) && !input.items.all(i, i > 1)", json!(true)),
        ("{'n': input.name + '!', 'p': input.price * 2.0}", json!({"n": "Bäckerei!", "p": 5.0})),
        (
            "steps.fetch.output.rows.map(r, {'id': r.id, 'k': input.items.map(i, string(i) + r.id)})[1]",
            json!({"id": "b", "k": ["1b", "2b", "3b"]}),
        ),
        ("input.big", json!(u64::MAX)),
        ("has(input.missing) ? input.missing : 'none'", json!("none")),
        ("math.round(2.6)", json!(3.0)),
        ("'a,b'.split(',')", json!(["a", "b"])),
        ("duration('90s')", json!("90s")),
        ("timestamp('2026-11-24T09:00:00Z') + duration('1h')", json!("2026-11-24T10:00:00+00:00")),
        ("base64.encode(b'hi')", json!("aGk=")),
        ("[1, 2] + [3]", json!([1, 2, 3])),
        ("input.items.exists_one(i, i == 2)", json!(true)),
    ] {
        assert_eq!(evaluate(source).as_ref(), Ok(&expected), "{source}");
    }
}

/// Integers and doubles can be mixed: arithmetic gives a double, and comparisons are exact.
#[test]
fn integers_and_doubles_can_be_mixed() {
    for (source, expected) in [
        ("input.items.map(i, i * 1.5)", json!([1.5, 3.0, 4.5])),
        ("input.price * 2 + 1", json!(6.0)),
        ("1 - 0.5 + 3 / 2.0", json!(2.0)),
        ("input.price > 2 && 3 > input.price && 2.0 <= 2 && 2 >= 2.0", json!(true)),
        ("1 == 1.0 && [1, {'a': 2.0}] == [1.0, {'a': 2}] && 1 != 1.5", json!(true)),
        ("2.0 in input.items && !(2.5 in input.items) && 1.0 in {1: true} && 'a' in {'a': 1}", json!(true)),
        ("9007199254740993 == 9007199254740992.0", json!(false)),
        ("9007199254740993 > 9007199254740992.0", json!(true)),
        ("9007199254740993 in [9007199254740992.0]", json!(false)),
        ("9007199254740993 + 1", json!(9_007_199_254_740_994_i64)),
        ("input.big - 9223372036854775808u", json!(i64::MAX)),
        ("string(input.big - 1)", json!("18446744073709551614")),
        ("input.big - input.big == 0", json!(true)),
        ("input.big == 18446744073709551616.0", json!(false)),
        ("math.greatest(1, 2.5, 2)", json!(2.5)),
        ("math.least(9007199254740993, 9007199254740992.0)", json!(9_007_199_254_740_992.0)),
        ("math.greatest([1, 3])", json!(3)),
        ("math.round(3) + math.ceil(input.price) + math.abs(-1)", json!(7.0)),
        ("math.isFinite(3) && !math.isNaN(3)", json!(true)),
        ("input.items.exists_one(i, i == 2.0) && input.items.all(i, i < 3.5)", json!(true)),
        ("{1: 'a'}[1.0]", json!("a")),
        ("-input.price + 1", json!(-1.5)),
    ] {
        assert_eq!(evaluate(source).as_ref(), Ok(&expected), "{source}");
    }
}

/// A failed evaluation names its cause without repeating the tenant's data.
#[test]
fn evaluation_errors_name_the_cause_without_data() {
    let messages: Vec<String> = [
        "input.nope.x",
        "1 / 0",
        "input.price % 2",
        "input.name < 1",
        "1 in 2",
        "size(1)",
        "math.greatest(1, input.name)",
        "double('NaN')",
        "input.items[7]",
        "unknown",
        "input.name + 1",
        "9223372036854775807 + 1",
        "'a'.matches(input.name + '(')",
        "int('x')",
        "timestamp('x')",
        "input.big - 1",
    ]
    .iter()
    .map(|source| evaluate(source).expect_err(source).to_string())
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

/// Expressions that exceed a static limit are rejected when the workflow is validated, each with its code.
#[test]
fn static_limits_are_enforced_by_the_parser() {
    let long = format!("'{}'", "x".repeat(5000));
    let deep = format!("{}1", "1+".repeat(1500));
    for (source, code) in [
        (long.as_str(), "ExpressionTooLong"),
        (deep.as_str(), "ExpressionTooComplex"),
        ("[1].map(a, [1].map(b, [1].map(c, a)))", "ExpressionTooComplex"),
        ("lists.range(1000000)", "UnknownFunction"),
        ("'a'.replace('', input.name)", "UnknownFunction"),
        ("steps.size()", "DynamicSteps"),
        ("steps[input.name].output", "DynamicSteps"),
        ("Person{name: 'x'}", "UnknownFunction"),
        ("", "ExpressionSyntax"),
        ("1 +", "ExpressionSyntax"),
        ("@read(@budget, 1)", "ExpressionSyntax"),
        ("matches('a', '(')", "PatternInvalid"),
        ("'a'.matches('[a-z]{1000}{1000}')", "PatternInvalid"),
    ] {
        assert_eq!(Program::parse(source).expect_err(source).code(), code, "{source}");
    }
    assert!(matches!(Program::parse("f(1)"), Err(ParseError::UnknownFunction { name }) if name == "f"));
}

/// An expression near the depth limit can be evaluated on a worker thread, whose stack has 2 MiB.
#[test]
fn the_deepest_allowed_expression_can_be_evaluated() {
    assert_eq!(evaluate(&format!("{}1", "1+".repeat(120))), Ok(json!(121)));
}

/// Parsing deeply nested text of the maximum length neither overflows the stack nor takes long.
#[test]
fn deeply_nested_text_is_parsed_safely() {
    for unit in [
        "(", "[", "{1:", "!", "-", "1?1:", "a.", "a[", "f(", "x.f(", "1+", "1-", "1&&", "1||", "a.map(a,",
        "'", "`", "{",
    ] {
        let source = unit.repeat(4096 / unit.len());
        assert!(Program::parse(&source).is_err(), "{unit}");
        // The parser shortens `!!1` and `--1`, so it may accept them.
        let complete = format!("{}1", &source[..source.len() - unit.len()]);
        let _ = Program::parse(&complete).map(|program| program.evaluate(&Context::new()));
    }
}

/// Validation knows the variables, steps, secrets and paths that an expression reads without evaluating it.
#[test]
fn references_are_collected_without_evaluation() {
    let program = Program::parse(
        "steps.fetch.output.rows.map(input, input.id + string(steps['two'].phase)) + [secrets.erp.token, type(1) == int]",
    )
    .expect("the expression is valid");
    insta::assert_debug_snapshot!(program.references());
}

/// An expression that loops over a large input is stopped before it occupies the CPU or memory of the
/// process.
#[test]
fn a_costly_expression_is_stopped() {
    let large = Context::new().with("input", json!({"l": vec![1; 20_000], "s": "x".repeat(200_000)}));
    let many = |element: &str| vec![element; 400].join(",");
    for source in [
        "input.l.map(a, input.l.map(b, a + b))",
        "input.l.all(a, input.l.all(b, b == 1)) || true",
        "input.l.exists(a, input.l.all(b, b == 1) && false)",
        "input.l.filter(a, input.l.exists_one(b, b == 2))",
        "input.l.map(a, input.s)",
        "input.l.map(a, input.l)",
        "input.l.map(a, {'s': input.s})",
        &vec!["input.s"; 100].join("+"),
        &format!("[{}]", many("input.s")),
        &format!("[{}]", many("input.l")),
    ] {
        let result = Program::parse(source).expect("the expression is valid").evaluate(&large);
        assert!(matches!(result, Err(EvaluateError::Exhausted { .. })), "{source}");
    }
    let wide = Program::parse("[input.s, input.s, input.s, input.s, input.s, input.s]")
        .expect("the expression is valid");
    assert!(matches!(wide.evaluate(&large), Err(EvaluateError::TooLarge { .. })));
}

/// All expressions of one template share one budget, however many a tenant writes.
#[test]
fn expressions_of_a_template_share_one_budget() {
    let large = Context::new().with("input", json!({"l": vec![1; 20_000], "s": "x".repeat(200_000)}));
    let text = "${{ input.s }} ".repeat(4_000);
    for template in
        [json!(text), json!(vec!["${{ input.l.map(a, a + 1) }}"; 100]), json!(vec!["${{ input.s }}"; 4_000])]
    {
        let result =
            crate::template::Template::parse(&template).expect("the template is valid").render(&large);
        let is_stopped =
            matches!(result, Err(EvaluateError::Exhausted { .. } | EvaluateError::TooLarge { .. }));
        assert!(is_stopped, "{:?}", result.map(|value| value.to_string().len()));
    }
}

/// An expression on a large input is charged only for the fields that it reads.
#[test]
fn fields_that_are_not_read_cost_nothing() {
    let large = Context::new().with("input", json!({"l": vec![1; 400_000], "n": 1}));
    assert_eq!(Program::parse("input.n").expect("the expression is valid").evaluate(&large), Ok(json!(1)));
    assert_eq!(
        Program::parse("has(input.n) && !has(input.m)").expect("the expression is valid").evaluate(&large),
        Ok(json!(true))
    );
    assert!(
        Program::parse("size(input)")
            .expect("the expression is valid")
            .evaluate(&Context::new().with("input", json!(vec![1; 600_000])))
            .is_err()
    );
}

/// Loops iterate over maps in the order of their keys, so a replayed run gets the same values.
#[test]
fn loops_over_maps_follow_the_order_of_keys() {
    let fields: serde_json::Map<String, Value> = (0..50).map(|n| (format!("k{n:02}"), json!(n))).collect();
    let context = Context::new().with("input", Value::Object(fields));
    let values =
        Program::parse("input.map(k, input[k])").expect("the expression is valid").evaluate(&context);
    assert_eq!(values, Ok(json!((0..50).collect::<Vec<_>>())));
}

/// Setting the interrupt flag ends an evaluation.
#[test]
fn an_interrupt_ends_evaluation() {
    let context = Context::new().with("input", json!([1, 2])).interrupted_by(Arc::new(AtomicBool::new(true)));
    let result = Program::parse("input.map(i, i)").expect("the expression is valid").evaluate(&context);
    assert!(matches!(result, Err(EvaluateError::Exhausted { .. })));
}

proptest! {
    /// Parsing and evaluating any text ends without a panic.
    #[test]
    fn any_text_is_rejected_or_evaluated(source in ".{0,60}|[-a-z0-9.()\\[\\]{}'+*?:&|!<>= ]{0,60}") {
        if let Ok(program) = Program::parse(&source) {
            let _ = program.evaluate(&Context::new().with("input", json!({"a": 1})));
        }
    }
}
