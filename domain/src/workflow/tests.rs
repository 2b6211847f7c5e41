use proptest::prelude::*;
use serde_json::json;

use super::{Problem, ReferencedSecret, ReferencedWorkflow, ValidationContext, validate};
use crate::workflow::Graph;

fn problems(yaml: &str) -> Vec<Problem> {
    let spec = serde_yaml::from_str(yaml).expect("a workflow's spec");
    validate(&spec, &ValidationContext::default()).err().unwrap_or_default()
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

/// The problems of a workflow as `path code`.
fn codes(yaml: &str, context: &ValidationContext) -> Vec<String> {
    let spec = serde_yaml::from_str(yaml).expect("a workflow's spec");
    let problems = validate(&spec, context).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{} {}", problem.path, problem.code)).collect()
}

fn valid_in(yaml: &str, context: &ValidationContext) {
    let spec = serde_yaml::from_str(yaml).expect("a workflow's spec");
    assert_eq!(validate(&spec, context).err(), None, "{yaml}");
}

const TYPED: &str = "
input:
  schema:
    $defs: {money: {type: object, additionalProperties: false, properties: {cents: {type: integer}}}}
    type: object
    additionalProperties: false
    properties:
      customer: {type: string}
      open: {type: object}
      total: {$ref: '#/$defs/money'}
      either: {anyOf: [{type: string}, {type: 'null'}]}
      lines: {type: array, items: {type: object, additionalProperties: false, properties: {sku: {type: string}}}}
steps:
- {name: a, python: {code: x}, output: {schema: {type: object, additionalProperties: false, properties: {sum: {type: number}}}}}
- name: each
  needs: [a]
  forEach: {items: '${{ input.lines }}'}
  with: {v: 'EACH'}
  python: {code: x}
  output: {schema: {type: object, additionalProperties: false, properties: {ok: {type: boolean}}}}
- {name: b, needs: [each], expr: {value: 'VALUE'}}";

/// A misspelt property is found when the workflow is applied, not when the run is half done; what may be there is never
/// refused.
#[test]
fn reads_that_declared_types_exclude_are_problems() {
    let message = |value: &str| {
        let yaml = TYPED.replace("VALUE", &format!("${{{{ {value} }}}}")).replace("EACH", "${{ item.sku }}");
        problems(&yaml)
            .into_iter()
            .map(|problem| format!("{}: {}", problem.code, problem.message))
            .collect::<Vec<_>>()
    };
    for fine in [
        "input.customer",
        "input.open.anything.at.all",
        "input.total.cents",
        "input.lines[0].sku",
        "input.lines.map(l, l.sku)",
        "has(input.custommer) ? 1 : 2",
        "steps.a.output.sum",
        "steps.a.error.code",
        "steps.each.output[0].ok",
        "steps.each.items.failed",
        "input.either",
    ] {
        assert_eq!(message(fine), Vec::<String>::new(), "{fine}");
    }
    let wrong = [
        "input.custommer",
        "input.customer.name",
        "input.total.euros",
        "input.lines.sku",
        "input.lines[0].price",
        "input.either.x",
        "steps.a.output.total",
        "steps.each.output.ok",
        "steps.each.output[1].no",
        "steps.a.items.total",
    ];
    insta::assert_snapshot!(wrong.iter().flat_map(|wrong| message(wrong)).collect::<Vec<_>>().join("\n"));
    let item = TYPED.replace("EACH", "${{ item.price }}").replace("VALUE", "1");
    assert_eq!(codes(&item, &ValidationContext::default()), ["spec.steps[1].with.v TypeMismatch"]);
}

/// A workflow whose password nobody has stored is refused when it is applied, and so is one that would read any Secret.
#[test]
fn secrets_are_looked_up() {
    let yaml = "
secrets: [{name: erp, secretRef: {name: erp-credentials}}, {name: other, secretRef: {name: other}}]
steps:
- name: a
  http:
    url: https://x.example
    headers: {A: '${{ secrets.erp.token }}', B: '${{ secrets.none.token }}', C: '${{ secrets[input.x] }}'}
    tls: {caSecret: {name: erp}, clientSecret: {name: nope}}";
    let facts = |labelled, keys: &[&str]| ReferencedSecret {
        labelled,
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    let with = |secrets: Vec<(&str, ReferencedSecret)>| ValidationContext {
        secrets: Some(secrets.into_iter().map(|(name, facts)| (name.to_owned(), facts)).collect()),
        ..ValidationContext::default()
    };
    let of_names = [
        "spec.steps[0].http.headers.B UnknownSecret",
        "spec.steps[0].http.headers.C DynamicSecrets",
        "spec.steps[0].http.tls.clientSecret.name UnknownSecret",
    ];
    assert_eq!(codes(yaml, &ValidationContext::default()), of_names, "where Secrets are not known");
    let of_secrets =
        ["spec.secrets[0].secretRef.name SecretNotLabelled", "spec.secrets[1].secretRef.name MissingSecret"];
    let found = codes(yaml, &with(vec![("erp-credentials", facts(false, &[]))]));
    assert_eq!(
        found,
        [&of_secrets[..], &of_names[..]].concat(),
        "the keys of what may not be used are nobody's"
    );
    let found = codes(yaml, &with(vec![("erp-credentials", facts(true, &["user"]))]));
    let of_headers = ["spec.steps[0].http.headers.A MissingSecretKey"];
    let of_tls = ["spec.steps[0].http.tls.caSecret.name MissingSecretKey"];
    let expected = [&of_secrets[1..], &of_headers[..], &of_names[..2], &of_tls[..], &of_names[2..]].concat();
    assert_eq!(found, expected);
    let all = with(vec![("erp-credentials", facts(true, &["token", "ca.crt"])), ("other", facts(true, &[]))]);
    assert_eq!(codes(yaml, &all), of_names);
}

/// Workflows that run each other without end are refused at the one that closes the circle.
#[test]
fn sub_workflows_are_looked_up() {
    let workflow = |calls: &[&str]| ReferencedWorkflow {
        input: Some(json!({"type": "object", "required": ["n"]})),
        calls: calls.iter().map(|call| (*call).to_owned()).collect(),
    };
    let context = ValidationContext {
        own_name: Some("own".to_owned()),
        workflows: Some(
            [("fine", workflow(&[])), ("back", workflow(&["far"])), ("far", workflow(&["fine", "own"]))]
                .map(|(name, facts)| (name.to_owned(), facts))
                .into(),
        ),
        ..ValidationContext::default()
    };
    let step =
        |name: &str, with: &str| format!("steps: [{{name: a, with: {with}, workflow: {{name: {name}}}}}]");
    valid_in(&step("fine", "{n: 1}"), &context);
    valid_in(&step("fine", "{m: '${{ input }}'}"), &context);
    assert_eq!(codes(&step("fine", "{m: 1}"), &context), ["spec.steps[0].with SubWorkflowInput"]);
    assert_eq!(codes(&step("none", "{n: 1}"), &context), ["spec.steps[0].workflow.name UnknownWorkflow"]);
    assert_eq!(codes(&step("own", "{n: 1}"), &context), ["spec.steps[0].workflow.name SubWorkflowCycle"]);
    assert_eq!(codes(&step("back", "{n: 1}"), &context), ["spec.steps[0].workflow.name SubWorkflowCycle"]);
    valid_in(&step("none", "{n: 1}"), &ValidationContext::default());
}

/// What each place may read: too little, and nothing useful can be written; too much, and a run fails in the middle.
#[test]
fn places_read_what_exists_there() {
    let none = ValidationContext::default();
    valid_in(
        "
steps:
- {name: a, python: {code: x}}
- {name: e, needs: [a], when: 'steps.a.output == 1', forEach: {items: '${{ steps.a.output }}'}, expr: {value: '${{ [item, index] }}'}}
- {name: ask, approval: {message: 'Pay ${{ input.n }}?', roles: [admin, operator], timeout: 90d}}
- {name: w, wait: {until: \"timestamp(input.at)\"}}
- {name: c, container: {image: i, command: [c], args: ['${{ input.n }}'], env: {A: '${{ input.n }}'}}}
onExit:
- {name: x, when: \"outcome.phase == 'Failed'\", expr: {value: '${{ steps.a.phase }}'}}
- {name: y, needs: [x], expr: {value: '${{ steps.x.output }}'}}
schedules: [{name: s, cron: '0 2 * * *', input: {n: 1}}]
concurrency: {key: input.n, limit: 1, policy: Reject}",
        &none,
    );
    let wrong = "
input: {schema: {type: object}}
steps:
- {name: a, when: item, forEach: {items: '${{ item }}'}, expr: {value: '${{ outcome }}'}}
- {name: b, forEach: {items: 7}, expr: {value: '${{ steps.x.output }}'}}
- {name: ask, approval: {message: m, roles: [boss], timeout: 91d}}
- {name: w, wait: {for: 100d}}
- {name: w2, wait: {}}
- {name: h, http: {url: 'https://x.example', success: 'steps.a.output'}}
- {name: s, search: {query: q}}
onExit:
- {name: x, expr: {value: '${{ steps.y.output }}'}}
- {name: y, expr: {value: 1}}
- {name: a, expr: {value: 1}}
output: '${{ steps.x.output }}'
schedules: [{name: s, cron: '0 2 * * *'}, {name: s, cron: '0 2 * * *', input: {}}]";
    insta::assert_snapshot!(codes(wrong, &none).join("\n"));
    let many = format!("steps: [{{name: a, forEach: {{items: {:?}}}, expr: {{value: 1}}}}]", vec![1; 1001]);
    assert_eq!(codes(&many, &none), ["spec.steps[0].forEach.items TooManyItems"]);
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
        assert_eq!(validate(&spec, &ValidationContext::default()).err(), None);
    }
}

/// A run with a wrong input must be refused before any pod is made.
#[test]
fn input_is_checked_against_the_workflows_schema() {
    let spec =
        serde_yaml::from_str("{input: {schema: {required: [name]}}, steps: [{name: a, expr: {value: 1}}]}");
    let valid = validate(&spec.expect("a spec"), &ValidationContext::default()).expect("valid");
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
        validate(&spec.expect("a spec"), &ValidationContext::default()).expect("valid")
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

/// A template whose depths nobody can read is cut off in silence, and the step gets something else.
#[test]
fn what_is_nested_too_deep_is_a_problem() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let workflow = |levels: usize| {
        let (value, schema) = (nested(levels), format!("{{const: {}}}", nested(levels - 1)));
        format!("steps: [{{name: a, with: {value}, python: {{code: x}}, output: {{schema: {schema}}}}}]")
    };
    assert!(codes(&workflow(64), &ValidationContext::default()).is_empty());
    let found = codes(&workflow(65), &ValidationContext::default());
    assert_eq!(found, ["spec.steps[0].output.schema TooDeep", "spec.steps[0].with TooDeep"]);
}
