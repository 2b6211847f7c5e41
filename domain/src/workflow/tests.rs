use proptest::prelude::*;
use serde_json::json;

use super::{Environment, Problem, validate};
use crate::workflow::Graph;

fn problems(yaml: &str) -> Vec<Problem> {
    let spec = serde_yaml::from_str(yaml).expect("a workflow's spec");
    validate(&spec, &Environment::default()).err().unwrap_or_default()
}

/// Whoever writes a workflow with many mistakes sees all of them at once, each with its place and what to do.
#[test]
fn every_mistake_is_reported() {
    let found: Vec<String> = problems(include_str!("../../fixtures/mistakes.yaml"))
        .iter()
        .map(|Problem { path, code, message }| format!("{path} {code}: {message}"))
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

/// The examples that we hand out must work as they stand.
#[test]
fn the_examples_are_valid() {
    for yaml in [
        include_str!("../../../examples/workflows/greeting.yaml"),
        include_str!("../../../examples/workflows/order-invoice.yaml"),
    ] {
        let workflow: serde_yaml::Value = serde_yaml::from_str(yaml).expect("YAML");
        let spec = serde_yaml::from_value(workflow.get("spec").cloned().expect("a spec"))
            .expect("a workflow's spec");
        assert_eq!(validate(&spec, &Environment::default()).err(), None);
    }
}

/// A run with a wrong input must be refused before any pod is made.
#[test]
fn input_is_checked_against_the_workflows_schema() {
    let spec =
        serde_yaml::from_str("{input: {schema: {required: [name]}}, steps: [{name: a, expr: {value: 1}}]}");
    let valid = validate(&spec.expect("a spec"), &Environment::default()).expect("valid");
    assert_eq!(valid.check_input(&json!({"name": 1})), Ok(()));
    assert!(valid.check_input(&json!({})).is_err());
}

/// Runs of one customer wait for each other, runs of two do not.
#[test]
fn the_concurrency_key_is_a_value_of_the_input() {
    let valid = |concurrency: &str| {
        let spec = serde_yaml::from_str(&format!(
            "{{concurrency: {concurrency}, steps: [{{name: a, expr: {{value: 1}}}}]}}"
        ));
        validate(&spec.expect("a spec"), &Environment::default()).expect("valid")
    };
    let keyed = valid("{key: input.customer, limit: 2}");
    assert_eq!(keyed.concurrency(&json!({"customer": 7})), Ok(Some((2, "7".to_owned()))));
    assert!(keyed.concurrency(&json!({})).is_err());
    assert_eq!(valid("{limit: 1}").concurrency(&json!({})), Ok(Some((1, String::new()))));
}

proptest! {
    /// However steps need each other, cycles are found exactly where there are some, and nothing hangs.
    #[test]
    fn cycles_are_found(edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..30)) {
        let needs: Vec<(String, Vec<String>)> = (0..12)
            .map(|n| {
                let needs = edges.iter().filter(|(from, _)| *from == n).map(|(_, to)| format!("s{to}"));
                (format!("s{n}"), needs.collect())
            })
            .collect();
        let graph = Graph::new(needs.iter().map(|(name, needs)| (name.as_str(), needs.as_slice())));
        let has_cycle = needs.iter().any(|(name, _)| graph.cycle(name).is_some());
        // Kahn: what cannot be taken away leaf by leaf is on or behind a cycle.
        let mut left: Vec<_> = needs.iter().collect();
        loop {
            let before = left.len();
            let names: Vec<String> = left.iter().map(|(name, _)| name.clone()).collect();
            left.retain(|(_, needs)| needs.iter().any(|need| names.contains(need)));
            if left.len() == before { break; }
        }
        prop_assert_eq!(has_cycle, !left.is_empty());
        for (name, needs) in &needs {
            if let Some(cycle) = graph.cycle(name) {
                prop_assert_eq!(cycle[0], name);
                prop_assert!(needs.iter().any(|need| cycle.last() == Some(&need.as_str()) || cycle.contains(&need.as_str())));
            }
        }
    }
}
