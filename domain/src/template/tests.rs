use proptest::prelude::*;
use serde_json::{Value, json};

use super::Template;
use crate::expr::Context;

fn render(template: &Value) -> Value {
    let context = Context::new()
        .with("input", json!({"n": 3, "name": "Zoë", "lines": [{"q": 1}, {"q": 2}], "none": null}))
        .with("steps", json!({"fetch-prices": {"output": {"total": 9.5}}}));
    Template::parse(template)
        .expect("the template is valid")
        .render(&context)
        .expect("the template can be rendered")
}

/// A string that consists of one expression keeps the JSON type of the value.
#[test]
fn a_single_expression_keeps_its_type() {
    assert_eq!(render(&json!("${{ input.n }}")), json!(3));
    assert_eq!(render(&json!("${{ input.lines.map(l, l.q) }}")), json!([1, 2]));
    assert_eq!(render(&json!("${{ steps['fetch-prices'].output.total }}")), json!(9.5));
}

/// Values within text are inserted as text: strings unchanged, null as nothing, lists as JSON.
#[test]
fn values_within_text_are_inserted_as_text() {
    assert_eq!(
        render(&json!("Dear ${{ input.name }}: ${{ input.n }} of ${{ input.lines }}${{ input.none }}.")),
        json!("Dear Zoë: 3 of [{\"q\":1},{\"q\":2}].")
    );
}

/// A `}}` within a map literal or string of an expression does not close the expression.
#[test]
fn closing_braces_within_an_expression_do_not_close_it() {
    assert_eq!(render(&json!("${{ {'a': {'b': input.n}} }}")), json!({"a": {"b": 3}}));
    assert_eq!(render(&json!("${{ 'x}}' + \"\\\"}}\" }}")), json!("x}}\"}}"));
}

/// `$${{` is rendered as a literal `${{`.
#[test]
fn escaped_delimiters_are_literal() {
    assert_eq!(render(&json!("$${{ input.n }} ${{ input.n }}")), json!("${{ input.n }} 3"));
    assert_eq!(render(&json!("a price of $5 {{x}}")), json!("a price of $5 {{x}}"));
}

/// All problems of a template are reported, each with its path.
#[test]
fn every_problem_is_reported_with_its_path() {
    let problems = Template::parse(&json!({
        "a": "${{ 1 + }}", "b": ["ok", "${{ open"], "X-Id": {"c": "${{ nope(1) }}"}
    }))
    .expect_err("the template has three problems");
    let mut paths: Vec<_> =
        problems.iter().map(|problem| (problem.path.as_str(), problem.error.code())).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [(".a", "ExpressionSyntax"), (".b[1]", "ExpressionSyntax"), ("[\"X-Id\"].c", "UnknownFunction")]
    );
}

/// A step can pass on an output of any size, but computing on it is bounded.
#[test]
fn data_that_is_only_passed_on_may_be_large() {
    let rows: Vec<Value> = (0..100_000).map(|n| json!({"row": n, "text": "x".repeat(100)})).collect();
    let context = Context::new().with("input", json!({"rows": rows}));
    let template = |text: &str| Template::parse(&json!(text)).expect("the template is valid");
    let passed_on = template("${{ input.rows }}").render(&context).expect("10 MB are within the limit");
    assert_eq!(passed_on.as_array().map(Vec::len), Some(100_000));
    assert!(
        template("${{ input.rows.map(r, r.row) }}").render(&context).is_err(),
        "computing on it is bounded"
    );
}

proptest! {
    /// Parsing any text neither panics nor hangs, and text without expressions is rendered unchanged.
    #[test]
    fn any_text_can_be_parsed(text in ".{0,200}|[${} '\"a-z]{0,40}") {
        let parsed = Template::parse(&json!(text));
        if !text.contains("${{") {
            prop_assert_eq!(parsed.expect("the text has no expression").render(&Context::new()), Ok(json!(text)));
        }
    }
}
