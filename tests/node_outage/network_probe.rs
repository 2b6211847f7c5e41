//! The operator's probe of the network, in a cluster that does not enforce network policies.

use crds::{Tenant, conditions};
use k8s_openapi::api::{core::v1::Pod, networking::v1::NetworkPolicy};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{cluster, operator_process::PROBE_NAMESPACE, tenant_namespace::DEADLINE, wait::until};

use super::product::Component;

/// Waits until the condition `PolicyReady` of a tenant has this status and reason. Returns its message.
async fn wait_for_policy(client: &Client, status: &str, reason: &str) -> anyhow::Result<String> {
    let tenants = Api::<Tenant>::all(client.clone());
    let conditions = async || Ok(tenants.get("acme").await?.status.unwrap_or_default().conditions);
    let what = format!("the tenant has PolicyReady={status} with the reason {reason}");
    let found = until(&what, DEADLINE, conditions, |found| {
        let policy = conditions::get(found, conditions::POLICY_READY);
        policy.is_some_and(|policy| policy.status == status && policy.reason == reason)
    })
    .await?;
    assert!(conditions::is_true(&found, conditions::READY), "{found:#?}");
    Ok(conditions::get(&found, conditions::POLICY_READY)
        .map(|policy| policy.message.clone())
        .unwrap_or_default())
}

/// A pod as an operator leaves it that is killed during a probe.
fn abandoned() -> anyhow::Result<Pod> {
    Ok(serde_json::from_value(json!({
        "metadata": {"name": cluster::unique("server"), "labels": {"smbcopilot.dev/network-probe": "server"}},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "probe", "image": "docker.io/smb-copilot/runner:local",
                "args": ["network-probe", "listen", "--address=0.0.0.0", "--ports=8080"],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    }))?)
}

/// When a denied connection is open, the condition of each tenant says so after the next probe, and the tenant stays Ready. When
/// it is closed again, the condition holds again. The pods that a killed operator has left are deleted.
#[tokio::test]
async fn a_cluster_that_does_not_enforce_policies_is_reported() -> anyhow::Result<()> {
    let operator = Component::exclusive("operator").await?;
    let client = cluster::client().await?;
    wait_for_policy(&client, "True", "Applied").await?;
    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), PROBE_NAMESPACE);
    let rules = serde_json::to_value(policies.get("incoming").await?.spec.and_then(|spec| spec.ingress))?;
    let pods = Api::<Pod>::namespaced(client.clone(), PROBE_NAMESPACE);
    let left = pods.create(&PostParams::default(), &abandoned()?).await?.name_any();
    // As if no policy for incoming connections was enforced.
    allow_incoming(&policies, &json!([{}])).await?;
    let reported = async {
        operator.restart().await?;
        wait_for_policy(&client, "False", "NetworkPoliciesNotEnforced").await
    };
    let reported = reported.await;
    allow_incoming(&policies, &rules).await?;
    let message = reported?;
    assert!(message.contains("for connections to pods"), "{message}");
    let abandoned = async || Ok(pods.get_opt(&left).await?);
    until("the pod of the killed operator is deleted", DEADLINE, abandoned, Option::is_none).await?;
    operator.restart().await?;
    wait_for_policy(&client, "True", "Applied").await.map(drop)
}

/// Replaces the rules of the policy for incoming connections.
async fn allow_incoming(policies: &Api<NetworkPolicy>, rules: &Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"spec": {"ingress": rules}}));
    policies.patch("incoming", &PatchParams::default(), &patch).await?;
    Ok(())
}
