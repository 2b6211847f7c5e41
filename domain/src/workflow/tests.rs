use proptest::prelude::*;
use serde_json::json;

use super::{CodeCheck, Problem, ReferencedSecret, ReferencedWorkflow, ValidationContext, validate};
use crate::workflow::Graph;

fn problems(yaml: &str) -> Vec<Problem> {
    let spec = serde_yaml::from_str(yaml).expect("the text is a spec");
    validate(&spec, &ValidationContext::default()).err().unwrap_or_default()
}

/// Validation reports all problems of a workflow at once, each with its path and what to change.
#[test]
fn every_mistake_is_reported() {
    let found: Vec<String> = problems(include_str!("../../fixtures/mistakes.yaml"))
        .iter()
        .map(|Problem { path, code, message }| format!("{path} {code}: {message}"))
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

/// Returns the problems of a workflow, each as `path code`.
fn codes(yaml: &str, context: &ValidationContext) -> Vec<String> {
    let spec = serde_yaml::from_str(yaml).expect("the text is a spec");
    let problems = validate(&spec, context).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{} {}", problem.path, problem.code)).collect()
}

fn assert_valid(yaml: &str, context: &ValidationContext) {
    let spec = serde_yaml::from_str(yaml).expect("the text is a spec");
    assert_eq!(validate(&spec, context).err(), None, "{yaml}");
}

/// Python code that does not parse, or that the harness cannot call, is a problem with its position.
#[test]
fn mistakes_in_python_code_are_problems() {
    let yaml = r#"
steps:
- {name: a, python: {code: "def run(input, ctx):\n  return [1\n"}}
- {name: b, python: {code: "def main(input, ctx): pass"}}
- {name: c, python: {code: "def run(input, ctx): pass"}}"#;
    let context = ValidationContext { code: CodeCheck::Parse, ..ValidationContext::default() };
    let expected = ["spec.steps[0].python.code PythonSyntax", "spec.steps[1].python.code PythonEntryPoint"];
    assert_eq!(codes(yaml, &context), expected);
    assert_valid(yaml, &ValidationContext::default());
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

/// A misspelt field is reported when the workflow is applied, and a field that may exist is never refused.
#[test]
fn fields_that_declared_schemas_exclude_are_problems() {
    let message = |value: &str| {
        let yaml = TYPED.replace("VALUE", &format!("${{{{ {value} }}}}")).replace("EACH", "${{ item.sku }}");
        problems(&yaml)
            .into_iter()
            .map(|problem| format!("{}: {}", problem.code, problem.message))
            .collect::<Vec<_>>()
    };
    for allowed in [
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
        assert_eq!(message(allowed), Vec::<String>::new(), "{allowed}");
    }
    let excluded = [
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
    insta::assert_snapshot!(
        excluded.iter().flat_map(|source| message(source)).collect::<Vec<_>>().join("\n")
    );
    let item = TYPED.replace("EACH", "${{ item.price }}").replace("VALUE", "1");
    assert_eq!(codes(&item, &ValidationContext::default()), ["spec.steps[1].with.v TypeMismatch"]);
}

/// A workflow is refused when it is applied if a Secret or key that it reads does not exist, or if it could
/// read arbitrary Secrets.
#[test]
fn secrets_are_checked() {
    let yaml = "
secrets: [{name: erp, secretRef: {name: erp-credentials}}, {name: other, secretRef: {name: other}}]
steps:
- name: a
  http:
    url: https://x.example
    headers: {A: '${{ secrets.erp.token }}', B: '${{ secrets.none.token }}', C: '${{ secrets[input.x] }}'}
    tls: {caSecret: {name: erp}, clientSecret: {name: nope}}";
    let secret = |labelled, keys: &[&str]| ReferencedSecret {
        labelled,
        kind: "Opaque".to_owned(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    let with = |secrets: Vec<(&str, ReferencedSecret)>| ValidationContext {
        secrets: Some(secrets.into_iter().map(|(name, secret)| (name.to_owned(), secret)).collect()),
        ..ValidationContext::default()
    };
    let name_problems = [
        "spec.steps[0].http.headers.B UnknownSecret",
        "spec.steps[0].http.headers.C DynamicSecrets",
        "spec.steps[0].http.tls.clientSecret.name UnknownSecret",
    ];
    assert_eq!(codes(yaml, &ValidationContext::default()), name_problems, "Secrets are not known");
    let secret_problems =
        ["spec.secrets[0].secretRef.name SecretNotLabelled", "spec.secrets[1].secretRef.name MissingSecret"];
    let found = codes(yaml, &with(vec![("erp-credentials", secret(false, &[]))]));
    assert_eq!(
        found,
        [&secret_problems[..], &name_problems[..]].concat(),
        "keys of a Secret without the label are not disclosed"
    );
    let found = codes(yaml, &with(vec![("erp-credentials", secret(true, &["user"]))]));
    let header_problems = ["spec.steps[0].http.headers.A MissingSecretKey"];
    let tls_problems = ["spec.steps[0].http.tls.caSecret.name MissingSecretKey"];
    let expected = [
        &secret_problems[1..],
        &header_problems[..],
        &name_problems[..2],
        &tls_problems[..],
        &name_problems[2..],
    ]
    .concat();
    assert_eq!(found, expected);
    let all =
        with(vec![("erp-credentials", secret(true, &["token", "ca.crt"])), ("other", secret(true, &[]))]);
    assert_eq!(codes(yaml, &all), name_problems);
    let token = ReferencedSecret {
        kind: "kubernetes.io/service-account-token".to_owned(),
        ..secret(true, &["token", "ca.crt"])
    };
    let found = codes(yaml, &with(vec![("erp-credentials", token), ("other", secret(true, &[]))]));
    let expected = [&["spec.secrets[0].secretRef.name SecretTypeForbidden"], &name_problems[..]].concat();
    assert_eq!(found, expected, "a token of a service account");
}

/// A sub-workflow must exist, must accept its input, and must not run its parent again.
#[test]
fn sub_workflows_are_checked() {
    let workflow = |calls: &[&str]| ReferencedWorkflow {
        input: Some(json!({"type": "object", "required": ["n"]})),
        output: None,
        calls: calls.iter().map(|call| (*call).to_owned()).collect(),
    };
    let context = ValidationContext {
        own_name: Some("own".to_owned()),
        workflows: Some(
            [("fine", workflow(&[])), ("back", workflow(&["far"])), ("far", workflow(&["fine", "own"]))]
                .map(|(name, workflow)| (name.to_owned(), workflow))
                .into(),
        ),
        ..ValidationContext::default()
    };
    let step =
        |name: &str, with: &str| format!("steps: [{{name: a, with: {with}, workflow: {{name: {name}}}}}]");
    assert_valid(&step("fine", "{n: 1}"), &context);
    assert_valid(&step("fine", "{m: '${{ input }}'}"), &context);
    assert_eq!(codes(&step("fine", "{m: 1}"), &context), ["spec.steps[0].with SubWorkflowInput"]);
    assert_eq!(codes(&step("none", "{n: 1}"), &context), ["spec.steps[0].workflow.name UnknownWorkflow"]);
    assert_eq!(codes(&step("own", "{n: 1}"), &context), ["spec.steps[0].workflow.name SubWorkflowCycle"]);
    assert_eq!(codes(&step("back", "{n: 1}"), &context), ["spec.steps[0].workflow.name SubWorkflowCycle"]);
    assert_valid(&step("none", "{n: 1}"), &ValidationContext::default());
}

/// Each field may read exactly the names that exist when it is evaluated.
#[test]
fn scopes_contain_the_names_that_exist() {
    let none = ValidationContext::default();
    assert_valid(
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

/// The published examples are valid workflows.
#[test]
fn the_examples_are_valid() {
    for yaml in [
        include_str!("../../../examples/workflows/greeting.yaml"),
        include_str!("../../../examples/workflows/order-invoice.yaml"),
    ] {
        let workflow: serde_yaml::Value = serde_yaml::from_str(yaml).expect("the file is YAML");
        let spec = serde_yaml::from_value(workflow.get("spec").cloned().expect("the workflow has a spec"))
            .expect("the text is a spec");
        assert_eq!(validate(&spec, &ValidationContext::default()).err(), None);
    }
}

/// The input of a run is validated against the input schema of the workflow.
#[test]
fn input_is_validated_against_the_schema() {
    let spec =
        serde_yaml::from_str("{input: {schema: {required: [name]}}, steps: [{name: a, expr: {value: 1}}]}");
    let valid = validate(&spec.expect("the text is a spec"), &ValidationContext::default())
        .expect("the workflow is valid");
    assert_eq!(valid.complete_input(Some(json!({"name": 1}))), Ok(json!({"name": 1})));
    assert!(valid.complete_input(None).is_err());
}

/// Runs share a concurrency limit if the key evaluates to the same value on their inputs.
#[test]
fn the_concurrency_key_is_evaluated_on_the_input() {
    let valid = |concurrency: &str| {
        let spec = serde_yaml::from_str(&format!(
            "{{concurrency: {concurrency}, steps: [{{name: a, expr: {{value: 1}}}}]}}"
        ));
        validate(&spec.expect("the text is a spec"), &ValidationContext::default())
            .expect("the workflow is valid")
    };
    let keyed = valid("{key: input.customer, limit: 2}");
    assert_eq!(keyed.concurrency(&json!({"customer": 7})), Ok(Some((2, "7".to_owned()))));
    assert!(keyed.concurrency(&json!({})).is_err());
    assert_eq!(valid("{limit: 1}").concurrency(&json!({})), Ok(Some((1, String::new()))));
}

proptest! {
    /// A cycle is reported exactly if the graph contains one.
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
        // Kahn's algorithm: steps that cannot be removed leaf by leaf are on or behind a cycle.
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

/// Templates and schemas that are nested deeper than 64 levels are refused instead of being truncated.
#[test]
fn deeply_nested_values_are_problems() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let workflow = |levels: usize| {
        let (value, schema) = (nested(levels), format!("{{const: {}}}", nested(levels - 1)));
        format!("steps: [{{name: a, with: {value}, python: {{code: x}}, output: {{schema: {schema}}}}}]")
    };
    assert!(codes(&workflow(64), &ValidationContext::default()).is_empty());
    let found = codes(&workflow(65), &ValidationContext::default());
    assert_eq!(found, ["spec.steps[0].output.schema TooDeep", "spec.steps[0].with TooDeep"]);
}

/// A schedule that starts runs more often than the plan allows is a problem of the workflow, with both intervals.
#[test]
fn a_schedule_is_as_frequent_as_the_plan_allows() {
    let spec = |cron: &str| {
        let text =
            format!("{{steps: [{{name: a, expr: {{value: 1}}}}], schedules: [{{name: s, cron: '{cron}'}}]}}");
        serde_yaml::from_str(&text).unwrap()
    };
    let context = ValidationContext {
        min_schedule_interval: Some(std::time::Duration::from_secs(60)),
        ..ValidationContext::default()
    };
    assert!(validate(&spec("30 * * * * *"), &context).is_ok());
    let problems = validate(&spec("*/30 * * * * *"), &context).unwrap_err();
    assert_eq!(problems[0].code, "ScheduleTooFrequent");
    assert!(problems[0].message.contains("30 s") && problems[0].message.contains("60 s"), "{problems:?}");
    assert!(validate(&spec("*/30 * * * * *"), &ValidationContext::default()).is_ok());
}
