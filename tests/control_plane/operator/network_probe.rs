//! The operator's probe of the network. The tests write what the kubelet and the pods of the probe write.

use std::time::Duration;

use crds::conditions;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{operator_process::PROBE_NAMESPACE, wait};

use super::{DEADLINE, fixture::Fixture, objects, process, usage::POLICY_CONDITIONS};

/// Time until a probe has a result: one that the API server refuses, since the quota of the namespace has no status yet, is repeated
/// after a minute.
const PROBE_DEADLINE: Duration = Duration::from_secs(150);

/// The pods of the probe, and the node that they would run on.
struct Probe {
    nodes: Api<Node>,
    node: String,
    pods: Api<Pod>,
    results: Api<ConfigMap>,
}

impl Probe {
    /// Creates a node that is ready, and larger than the pods of all tests.
    async fn with_node(fixture: &Fixture) -> anyhow::Result<Self> {
        let nodes = Api::<Node>::all(fixture.client.clone());
        let node = serde_json::from_value(json!({"metadata": {"name": fixture.slug}}))?;
        nodes.create(&PostParams::default(), &node).await?;
        let probe = Self {
            nodes,
            node: fixture.slug.clone(),
            pods: Api::namespaced(fixture.client.clone(), PROBE_NAMESPACE),
            results: Api::namespaced(fixture.client.clone(), PROBE_NAMESPACE),
        };
        probe.set_node_ready().await?;
        Ok(probe)
    }

    async fn set_node_ready(&self) -> anyhow::Result<()> {
        let now = telemetry::clock::now().to_string();
        let ready =
            json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now});
        let allocatable = json!({"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"});
        let status = Patch::Merge(json!({"status": {"conditions": [ready], "allocatable": allocatable}}));
        self.nodes.patch_status(&self.node, &PatchParams::default(), &status).await?;
        Ok(())
    }

    /// Acts as the kubelet, with a client that can connect to these ports, until the probe has this result. The pods are those of
    /// any operator: the first ones may be of an operator that another test has killed, and its successor deletes them.
    async fn run_until(&self, reachable: &Value, expected: &str) -> anyhow::Result<()> {
        self.set_node_ready().await?;
        let terminated = json!({"exitCode": 0, "message": reachable.to_string()});
        let container = json!({
            "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated},
        });
        let result = async || {
            self.write("server", json!({"phase": "Running", "podIP": "10.244.0.7"})).await?;
            self.write("client", json!({"phase": "Succeeded", "containerStatuses": [&container]})).await?;
            Ok(self.results.get_opt("network-probe").await?.and_then(|it| it.data).unwrap_or_default())
        };
        let what = format!("the result is {expected}");
        wait::until(&what, PROBE_DEADLINE, result, |data| {
            data.get("result").is_some_and(|it| it == expected)
        })
        .await?;
        let left = async || Ok(self.pods.list(&ListParams::default()).await?.items.len());
        wait::until("the pods are deleted", DEADLINE, left, |count| *count == 0).await.map(drop)
    }

    /// Writes the status of the pods of this role, of which there may be none.
    async fn write(&self, role: &str, status: Value) -> anyhow::Result<()> {
        let selector = ListParams::default().labels(&format!("smbcopilot.dev/network-probe={role}"));
        let patch = Patch::Merge(json!({"status": status}));
        for pod in self.pods.list(&selector).await? {
            match self.pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// A probe in which a denied connection was open makes `PolicyReady` of each tenant False, and a later one in which it was closed
/// makes it True. The tenant stays Ready, a new operator starts with the last result, and no pod is left.
#[tokio::test]
async fn each_tenant_says_whether_the_cluster_enforces_policies() -> anyhow::Result<()> {
    let _alone = POLICY_CONDITIONS.lock().await;
    let fixture = Fixture::with_tenant("probed", objects::plan()).await?;
    let probe = Probe::with_node(&fixture).await?;
    let open = json!({"allowed": true, "deniedIncoming": true, "deniedOutgoing": false});
    probe.run_until(&open, "IncomingNotEnforced").await?;
    let message = fixture.tenant_with_reason(conditions::POLICY_READY, "NetworkPoliciesNotEnforced").await?;
    assert!(message.contains("for connections to pods"), "{message}");
    fixture.tenant_with_ready("True").await?;
    let stopped = process::kill().await?;
    stopped.start(&fixture.client).await?;
    let closed = json!({"allowed": true, "deniedIncoming": false, "deniedOutgoing": false});
    probe.run_until(&closed, "Enforced").await?;
    let message = fixture.tenant_with_reason(conditions::POLICY_READY, "Applied").await?;
    assert!(message.contains("the cluster enforces them"), "{message}");
    probe.nodes.delete(&probe.node, &DeleteParams::default()).await?;
    Ok(())
}
