//! Workflows, templates, schedules and quantities.

use crds::WorkflowSpec;
use domain::expr::Context;
use domain::schedule::Schedule;
use domain::template::Template;
use domain::workflow::{ValidationContext, validate};
use serde_json::{Map, Value, json};

use super::{Case, summary};

pub(super) fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = specs()
        .into_iter()
        .map(|(name, spec)| Case::new(format!("workflow {name}"), move || check(&spec)))
        .collect();
    cases.extend(
        templates().into_iter().map(|(name, template)| {
            Case::new(format!("template {name}"), move || parse_and_render(&template))
        }),
    );
    cases.extend(
        crons().into_iter().map(|cron| Case::new(format!("cron {}", summary(&cron)), move || next(&cron))),
    );
    cases
}

/// Validates a spec.
pub(crate) fn check(spec: &Value) -> String {
    let spec: WorkflowSpec = serde_json::from_value(spec.clone()).unwrap();
    match validate(&spec, &ValidationContext::default()) {
        Ok(_) => "valid".to_owned(),
        Err(problems) => {
            assert!(problems.len() <= 101, "{} problems", problems.len());
            let first = problems.first().map(|problem| format!("{}: {}", problem.code, problem.message));
            format!("{} problems: {}", problems.len(), summary(&first.unwrap_or_default()))
        }
    }
}

fn step(name: &str, with: &Value) -> Value {
    json!({"name": name, "with": with, "expr": {"value": "${{ 1 }}"}})
}

fn specs() -> Vec<(&'static str, Value)> {
    let patterns: Vec<_> = (0..200).map(|n| json!({"pattern": format!(r"\p{{L}}{{20}}{n}")})).collect();
    let spread: Vec<_> = (0..60)
        .map(|n| json!({"name": format!("s{n}"), "input": {"schema": {"pattern": format!(r"\p{{L}}{{20}}{n}")}}, "expr": {"value": "${{ 1 }}"}}))
        .collect();
    let when = format!("[{}].size() > 0", vec!["input.a[0]"; 300].join(","));
    let steps: Vec<_> = (0..64)
        .map(|n| json!({"name": format!("s{n}"), "when": when, "expr": {"value": "${{ 1 }}"}}))
        .collect();
    vec![
        (
            "with 200 patterns",
            json!({"input": {"schema": {"anyOf": patterns}}, "steps": [step("a", &json!({}))]}),
        ),
        ("with patterns in many steps", json!({"steps": spread})),
        ("with allOf of ten references, six levels", all_of(10)),
        ("with long expressions", json!({"steps": steps})),
        ("with many bad expressions", json!({"steps": [step("a", &json!(vec!["${{ x + }}"; 20_000]))]})),
        ("with many expressions", json!({"steps": [step("a", &json!(vec!["${{ input.a }}"; 20_000]))]})),
        (
            "with a long name",
            json!({"steps": [step("a", &json!({"q".repeat(200_000): vec![json!(0); 100_000]}))]}),
        ),
        (
            "with a long name and expressions",
            json!({"steps": [step("a", &json!({"q".repeat(200_000): vec![json!("${{ input.a }}"); 20_000]}))]}),
        ),
        (
            "with schedules",
            json!({
                "input": {"schema": {"items": {"anyOf": (1..500).map(|n| json!({"const": n})).collect::<Vec<_>>()}}},
                "steps": [step("a", &json!({}))],
                "schedules": (0..16).map(|n| json!({"name": format!("n{n}"), "cron": "0 2 * * *", "input": vec![0; 1500]})).collect::<Vec<_>>(),
            }),
        ),
    ]
}

/// Nested `allOf` of `count` references over three properties.
fn all_of(count: usize) -> Value {
    let all = |target: &str| vec![json!({"$ref": format!("#/$defs/{target}")}); count];
    let level =
        |inner: &str, next: &str| json!({"allOf": all(inner), "properties": {"a": {"allOf": all(next)}}});
    let mut definitions = Map::new();
    for n in 0..6 {
        definitions.insert(format!("d{n}"), level(&format!("e{n}"), &format!("d{}", n + 1)));
        definitions
            .insert(format!("e{n}"), json!({"properties": {"a": {"allOf": all(&format!("d{}", n + 1))}}}));
    }
    definitions.insert("d6".to_owned(), json!({"type": "object"}));
    json!({
        "input": {"schema": {"$defs": definitions, "allOf": all("d0")}},
        "steps": [step("a", &json!({"v": "${{ input.a.a.a.a.a.a }}"}))],
    })
}

fn templates() -> Vec<(&'static str, Value)> {
    vec![
        ("with many expressions", json!(vec!["${{ 1 + 1 }}"; 4000])),
        ("in one text", json!("${{ 'x' }}".repeat(3000))),
        ("that is never closed", json!("${{ '".repeat(50_000))),
        ("of braces", json!(format!("${{{{ {}", "{".repeat(500_000)))),
        ("of escapes", json!("$${{".repeat(200_000))),
    ]
}

/// Parses a template and renders it.
pub(crate) fn parse_and_render(template: &Value) -> String {
    match Template::parse(template) {
        Ok(template) => match template.render(&Context::new()) {
            Ok(value) => summary(&value.to_string()),
            Err(error) => error.code().to_owned(),
        },
        Err(problems) => format!("{} problems", problems.len()),
    }
}

fn crons() -> Vec<String> {
    vec![
        "0 0 29 2 1".to_owned(),
        "0 0 31 2 *".to_owned(),
        "* * * * * *".to_owned(),
        "59 59 23 * * *".to_owned(),
        "59 59 0-23 * * *".to_owned(),
        format!("{} * * * *", vec!["1"; 100_000].join(",")),
        format!("{} * * * *", "1".repeat(100_000)),
        vec!["*"; 100_000].join(" "),
    ]
}

/// Parses a cron expression and returns the next time.
pub(crate) fn next(cron: &str) -> String {
    match Schedule::parse(cron, Some("Europe/Berlin")) {
        Ok(schedule) => format!("{:?}", schedule.next("2026-11-24T23:59:30Z".parse().unwrap())),
        Err(error) => summary(&error.to_string()),
    }
}
