//! Property tests of everything that parses tenants' text: whatever the text, the parser ends with a value or
//! an error, and so does the evaluation of what it has accepted.
//!
//! Inputs are mutations of the lines of `corpus/`, so that many of them are nearly valid. `cargo xtask fuzz`
//! runs these tests for longer.
#![allow(missing_docs, clippy::unwrap_used)]

mod mutate;

use domain::expr::{Context, MAX_COST, Program};
use domain::python::check;
use domain::schedule::Schedule;
use domain::schema::Schema;
use domain::template::Template;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value, json};

use mutate::mutated;

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/fuzz/regressions.txt"))),
        ..ProptestConfig::default()
    }
}

fn data() -> Context {
    Context::new()
        .with(
            "input",
            json!({"items": [1, 2.5, "x"], "xs": [1, 2], "s": "xxxx", "n": 3, "lines": [{"q": 1}]}),
        )
        .with("steps", json!({"fetch-prices": {"output": {"rows": [{"id": "a"}]}}}))
}

proptest! {
    #![proptest_config(config())]

    /// Any text is refused as an expression, or evaluated within its budget.
    #[test]
    fn expressions_are_refused_or_evaluated(source in mutated(include_str!("corpus/expressions.txt"))) {
        if let Ok(program) = Program::parse(&source) {
            prop_assert!(program.evaluate_with_cost(&data()).1 <= MAX_COST);
        }
    }

    /// Any text is refused as a template, or rendered.
    #[test]
    fn templates_are_refused_or_rendered(source in mutated(include_str!("corpus/templates.txt"))) {
        if let Ok(template) = Template::parse(&json!([source, {source.as_str(): source}])) {
            let _ = template.render(&data());
        }
    }

    /// Any JSON is refused as a schema, or validates values, among them itself.
    #[test]
    fn schemas_are_refused_or_compiled(source in mutated(include_str!("corpus/schemas.txt"))) {
        let Ok(schema) = serde_json::from_str::<Value>(&source) else { return Ok(()) };
        if let Ok(compiled) = Schema::compile(&schema) {
            for value in [json!({"a": 1, "x-b": "y", "l": {"l": {}}}), json!([1, [1, 1.0], "a", null]), schema] {
                let is_accepted = compiled.check(&value).is_ok();
                prop_assert!(!is_accepted || compiled.cost(&value).is_some());
            }
        }
    }

    /// Any text is refused as a pattern, or matches, in expressions and in schemas.
    #[test]
    fn patterns_are_refused_or_compiled(source in mutated(include_str!("corpus/patterns.txt"))) {
        let context = data().with("input", json!({"p": source, "t": "ab cd@ef.gh Äx"}));
        let program = Program::parse("input.t.matches(input.p)").unwrap();
        let _ = program.evaluate(&context);
        if let Ok(schema) = Schema::compile(&json!({"pattern": source, "patternProperties": {source.as_str(): true}})) {
            let _ = schema.check(&json!("ab cd@ef.gh Äx"));
        }
    }

    /// Any text is refused as code, or accepted.
    #[test]
    fn codes_are_refused_or_accepted(source in mutated(include_str!("corpus/codes.txt"))) {
        let code = source.replace('¶', "\n");
        for code in [format!("def run(input, ctx):\n    {code}"), code] {
            let count = check(&code).len();
            prop_assert!(count <= 5);
        }
    }

    /// Any text is refused as a cron expression, a quantity or a duration, or has a value.
    #[test]
    fn texts_are_refused_or_parsed(source in mutated(include_str!("corpus/texts.txt"))) {
        if let Ok(schedule) = Schedule::parse(&source, Some("Europe/Berlin")) {
            let _ = schedule.next("2026-03-28T23:59:30Z".parse().unwrap());
        }
        let _ = Schedule::parse("0 2 * * *", Some(&source));
        let _ = crds::Quantity::new(source.as_str()).to_milli();
        if let Ok(duration) = source.parse::<crds::Duration>() {
            let _ = duration.to_std();
        }
    }
}
