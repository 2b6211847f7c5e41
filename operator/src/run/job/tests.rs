//! What a run's Job looks like, as a whole.

use std::sync::Arc;

use clap::Parser as _;
use crds::{Tenant, WorkflowRun, WorkflowSpec};
use domain::workflow::{Environment, validate};

use super::*;

const WORKFLOW: &str = "
steps:
- {name: parse, python: {code: 'def run(input, ctx): return 1', preload: [csv]}}
- {name: total, needs: [parse], python: {code: 'def run(input, ctx): return 2', resources: {cpu: 200m, memory: 512Mi}}}
- {name: shape, needs: [total], expr: {value: '${{ steps.total.output }}'}}
";

fn revision() -> Revision {
    let spec: WorkflowSpec = serde_yaml::from_str(WORKFLOW).unwrap();
    Revision {
        name: "intake-5d8c".to_owned(),
        uid: "revision-uid".to_owned(),
        generation: 4,
        workflow: "intake".to_owned(),
        valid: validate(&spec, &Environment::default()),
        spec,
    }
}

fn seen() -> Seen {
    let mut tenant = Tenant::new("acme", crds::TenantSpec::default());
    tenant.metadata.uid = Some("tenant-uid".to_owned());
    Seen {
        run: Arc::new(WorkflowRun::new("order-7", crds::WorkflowRunSpec::default())),
        namespace: "bakery".to_owned(),
        name: "order-7".to_owned(),
        uid: "run-uid".to_owned(),
        tenant: Some(Arc::new(tenant)),
        pods: vec![],
        holds_slot: true,
        revision: None,
    }
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
    let config = Config::parse_from(["operator"]);
    let (seen, revision, plan) = (seen(), revision(), plan());
    let wanted =
        Wanted { ctx_config: &config, seen: &seen, revision: &revision, attempt: 2, plan: Some(&plan) };
    insta::assert_yaml_snapshot!(build(&wanted));
}

/// A new attempt is taken for the old one.
#[test]
fn each_attempt_has_a_name_of_its_own() {
    let config = Config::parse_from(["operator"]);
    let (seen, revision) = (seen(), revision());
    let name = |attempt| {
        build(&Wanted { ctx_config: &config, seen: &seen, revision: &revision, attempt, plan: None })
            .name_any()
    };
    assert_ne!(name(0), name(1));
    assert_eq!(super::super::start::attempt_of(&seen, &revision, &name(1)), Some(1));
}
