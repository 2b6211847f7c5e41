//! Reset of the step hosts between two runs in one pod.

use crds::WorkflowSpec;
use domain::hosts::Hosts as HostPlan;

use super::pod::start_step_host;
use crate::step_host::{HostConnections, Hosts};

const STEPS: &str = "
steps:
- {name: code, python: {code: 'def run(input, ctx): return 1'}}
- {name: tool, container: {image: 'tool:1', command: [run]}}";

/// All hosts of a pod can be reset after each run, and a pod of which one host has exited is not used again.
#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_reset_only_if_all_of_its_hosts_are() {
    let dir = std::env::temp_dir().join(format!("smb-reset-{}", telemetry::ids::uuid_v7()));
    std::fs::create_dir_all(&dir).unwrap();
    let spec: WorkflowSpec = serde_yaml::from_str(STEPS).unwrap();
    let plan = HostPlan::for_workflow(&spec, "python");
    let mut processes: Vec<_> = plan.all().iter().map(|host| start_step_host(&dir, host)).collect();
    let connections = HostConnections::open(&dir).unwrap();
    let hosts = Hosts::new(plan, connections.clone());
    for step in ["code", "tool"] {
        hosts.for_step(step).await.unwrap();
    }
    for _ in 0..2 {
        connections.reset().await.unwrap();
    }
    processes[1].kill().unwrap();
    processes[1].wait().unwrap();
    assert!(connections.reset().await.is_err());
    processes[0].kill().unwrap();
    processes[0].wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
