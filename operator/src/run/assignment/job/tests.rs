//! Jobs of runners, as they are built from a revision and a plan.

use clap::Parser as _;
use crds::{Plan, WorkflowSpec, names};
use domain::{
    hosts::Hosts,
    workflow::{ValidationContext, validate},
};

use std::sync::Arc;

use super::{
    super::{attempt_of_job, next_attempt},
    *,
};
use crate::{config::Config, run::observe::Snapshot, state::Revision};

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
        memory: crate::state::Memory::of_test(),
        valid: validate(&spec, &ValidationContext::default()),
        hosts: Hosts::for_workflow(&spec, "docker.io/smb-copilot/python:local"),
        spec,
    }
}

fn input<'a>(
    config: &'a Config,
    revision: &'a Revision,
    plan: Option<&'a Plan>,
    attempt: u32,
    lifetime: Lifetime,
) -> JobInput<'a> {
    let purpose = Purpose::Run { name: "order-7", uid: "run-uid", attempt, lifetime };
    JobInput {
        config,
        namespace: "bakery",
        tenant: "acme".to_owned(),
        user: 1_234_567_890,
        revision,
        plan,
        purpose,
    }
}

fn plan() -> Plan {
    serde_yaml::from_str(
        "{apiVersion: smbcopilot.dev/v1alpha1, kind: Plan, metadata: {name: starter}, spec: {runners: \
         {runtimeClassName: gvisor, resources: {cpu: 100m, memory: 128Mi}}}}",
    )
    .unwrap()
}

/// A runner's Job is built as the snapshot shows: no token where user code runs, restricted, and within the quota.
#[test]
fn the_job_of_a_run_is_built_as_reviewed() {
    let config = Config::parse_from(["operator", "--internal-api-url=http://api.platform.svc:8081"]);
    let (revision, plan) = (revision(), plan());
    let input = input(&config, &revision, Some(&plan), 2, Lifetime::OneRun);
    insta::assert_yaml_snapshot!(build(&input));
}

/// The Jobs of two attempts have different names, from which the attempt can be found again.
#[test]
fn each_attempt_has_its_own_job_name() {
    let config = Config::parse_from(["operator"]);
    let revision = revision();
    let name = |attempt| build(&input(&config, &revision, None, attempt, Lifetime::OneRun)).name_any();
    assert_ne!(name(0), name(1));
    assert_eq!(attempt_of_job("run-uid", &revision, &name(1)), Some(1));
}

/// A pooled pod is not deleted with its first run, and has the same template as a warm one.
#[test]
fn a_pooled_pod_belongs_to_no_run() {
    let config = Config::parse_from(["operator"]);
    let revision = revision();
    let first = input(&config, &revision, None, 0, Lifetime::Pooled);
    let warm = JobInput { purpose: Purpose::Warm { number: 3 }, ..first.clone() };
    let labels = build(&first).metadata.labels.unwrap();
    assert!(!labels.contains_key(labels::RUN) && labels.contains_key(labels::POOL));
    assert_eq!(template_digest(&first), template_digest(&warm));
    let with_plan = plan();
    let other = input(&config, &revision, Some(&with_plan), 0, Lifetime::Pooled);
    assert_ne!(template_digest(&first), template_digest(&other));
}

/// A host may use as much CPU as its plan allows, but not less than its steps request.
#[test]
fn a_host_has_the_cpu_limit_of_its_plan() {
    let config = Config::parse_from(["operator"]);
    let (revision, mut plan) = (revision(), plan());
    let mut limits = |limit: &str| -> Vec<Option<String>> {
        plan.spec.runners.as_mut().unwrap().cpu_limit = Some(crds::Quantity::new(limit));
        let input = input(&config, &revision, Some(&plan), 0, Lifetime::OneRun);
        let pod = build(&input).spec.unwrap().template.spec.unwrap();
        let limit = |container: Container| Some(container.resources?.limits?.get("cpu")?.0.clone());
        pod.containers.into_iter().map(limit).collect()
    };
    let text = |limit: &str| Some(limit.to_owned());
    assert_eq!(limits("1"), [None, text("1"), text("1"), text("1")]);
    assert_eq!(limits("100m"), [None, text("100m"), text("200m"), text("100m")]);
}

/// A pod that appears after the snapshot was taken is not followed by a second one: its attempt is tried again, and its Job
/// exists already.
#[test]
fn the_next_attempt_is_derived_from_the_snapshot_alone() {
    let next = |newest_attempt, status: &str| {
        let run = format!(
            "metadata: {{name: order-7, uid: run-uid}}\nspec: {{workflowRef: {{name: intake}}}}\n{status}"
        );
        let snapshot = Snapshot {
            run: Arc::new(serde_yaml::from_str(&run).unwrap()),
            namespace: "bakery".to_owned(),
            name: "order-7".to_owned(),
            uid: "run-uid".to_owned(),
            tenant: None,
            is_tenant_unknown: false,
            pods: Vec::new(),
            newest_attempt,
            holds_slot: true,
            revision: None,
            is_orphan: false,
            sub_run_ended: false,
        };
        next_attempt(&snapshot, &revision())
    };
    assert_eq!(next(None, ""), 0);
    assert_eq!(next(Some(0), ""), 1);
    let recorded = names::runner_job("revision-uid", "run-uid", 2);
    assert_eq!(next(Some(0), &format!("status: {{runner: {{job: {recorded}}}}}")), 3);
}
