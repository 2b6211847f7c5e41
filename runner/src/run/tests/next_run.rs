//! The run that a pod executes next.

use futures::FutureExt as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::memory_cluster::{MemoryCluster, PodCluster, RUN};
use crate::{
    cluster::ClusterApi as _,
    logs::Logs,
    run::{RunnerContext, next_assigned_run},
    step_host::HostConnections,
};

/// A version of the last run from before its last write, which the watch delivers late, does not make the pod execute the run
/// again.
#[tokio::test]
async fn an_outdated_version_of_the_last_run_is_not_executed() {
    let memory = MemoryCluster::new("steps: [{name: one, expr: {value: 1}}]", &json!({}));
    let dir = std::env::temp_dir().join(format!("smb-next-{}", telemetry::ids::uuid_v7()));
    std::fs::create_dir_all(&dir).unwrap();
    let (logs, _writer) = Logs::start(tokio::io::sink(), None);
    let cluster = PodCluster { memory: memory.clone(), pod: "pod-a".into() };
    let context = RunnerContext {
        cluster: &cluster,
        pod_uid: "pod-a",
        python_image: "python",
        hosts: HostConnections::open(&dir).unwrap(),
        secrets: &dir,
        api: None,
        logs,
        stop: CancellationToken::new(),
    };
    let mut assignments = memory.assign("pod-a");
    let uid = memory.run().metadata.uid.unwrap();
    let suspended = [
        json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "2"}),
        json!({"op": "remove", "path": "/status/runner"}),
    ];
    cluster.patch_status(RUN, &suspended).await.unwrap();
    let next = next_assigned_run(&context, &mut assignments, Some(&uid)).now_or_never();
    assert!(next.is_none(), "the pod waits: the run is not assigned to it any more");
    let mut assignments = memory.assign("pod-a");
    let next = next_assigned_run(&context, &mut assignments, Some(&uid)).now_or_never();
    let next = next.unwrap().unwrap().map(|run| run.resource_version);
    assert_eq!(next.as_deref(), Some("4"), "the run was resumed in the same pod");
    std::fs::remove_dir_all(dir).unwrap();
}
