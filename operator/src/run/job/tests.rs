//! What a run's Job looks like, as a whole.

use clap::Parser as _;
use crds::WorkflowSpec;
use domain::workflow::{ValidationContext, validate};

use super::*;

const WORKFLOW: &str = "
secrets: [{name: erp, secretRef: {name: erp-credentials}}]
steps:
- {name: parse, python: {code: 'def run(input, ctx): return 1', preload: [csv]}}
- {name: total, needs: [parse], python: {code: 'def run(input, ctx): return 2', resources: {cpu: 200m, memory: 512Mi}}}
- {name: render, needs: [total], container: {image: 'registry.example/tool:9', command: [render]}}
- {name: shape, needs: [total], expr: {value: '${{ steps.total.output }}'}}
";

fn revision() -> Revision {
    let spec: WorkflowSpec = serde_yaml::from_str(WORKFLOW).unwrap();
    Revision {
        name: "intake-5d8c".to_owned(),
        uid: "revision-uid".to_owned(),
        generation: 4,
        workflow: "intake".to_owned(),
        valid: validate(&spec, &ValidationContext::default()),
        spec,
    }
}

fn wanted<'a>(
    config: &'a Config,
    revision: &'a Revision,
    plan: Option<&'a Plan>,
    attempt: u32,
    after: After,
) -> Wanted<'a> {
    let purpose = Purpose::Run { name: "order-7", uid: "run-uid", attempt, after };
    Wanted { ctx_config: config, namespace: "bakery", tenant: "acme".to_owned(), revision, plan, purpose }
}

fn plan() -> Plan {
    serde_yaml::from_str(
        "{apiVersion: smbcopilot.dev/v1alpha1, kind: Plan, metadata: {name: starter}, spec: {runners: \
         {runtimeClassName: gvisor, resources: {cpu: 100m, memory: 128Mi}}}}",
    )
    .unwrap()
}

/// A run's pod has a token where user code runs, or is refused by Pod Security or the quota.
#[test]
fn a_runs_job_is_made_of_these() {
    let config = Config::parse_from(["operator", "--internal-api-url=http://api.platform.svc:8081"]);
    let (revision, plan) = (revision(), plan());
    let wanted = wanted(&config, &revision, Some(&plan), 2, After::Goes);
    insta::assert_yaml_snapshot!(build(&wanted));
}

/// A new attempt is taken for the old one.
#[test]
fn each_attempt_has_a_name_of_its_own() {
    let config = Config::parse_from(["operator"]);
    let revision = revision();
    let name = |attempt| build(&wanted(&config, &revision, None, attempt, After::Goes)).name_any();
    assert_ne!(name(0), name(1));
    assert_eq!(super::super::start::attempt_of("run-uid", &revision, &name(1)), Some(1));
}

/// A pod that stays is deleted with its first run; or is thought to be made of something else than one kept ready.
#[test]
fn a_pod_that_stays_is_no_runs() {
    let config = Config::parse_from(["operator"]);
    let revision = revision();
    let first = wanted(&config, &revision, None, 0, After::Stays);
    let warm = Wanted { purpose: Purpose::Warm { number: 3 }, ..first.clone() };
    let labels = build(&first).metadata.labels.unwrap();
    assert!(!labels.contains_key(labels::RUN) && labels.contains_key(labels::POOL));
    assert_eq!(template(&first), template(&warm));
    assert_ne!(template(&first), template(&wanted(&config, &revision, Some(&plan()), 0, After::Stays)));
}
