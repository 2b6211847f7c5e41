//! The operator's check of its own rights.

use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding},
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{
    cluster,
    operator_process::{NAMESPACE, OperatorProcess, PROBE_NAMESPACE},
    wait,
};

use super::{DEADLINE, process};

const ROLE: &str = "smb-copilot-operator";
const TENANT_ROLE: &str = "smb-copilot-operator-tenant";

async fn read(address: &str, path: &str) -> anyhow::Result<String> {
    // The operator serves some milliseconds after its start, and other tests restart it.
    let Ok(response) = reqwest::get(format!("http://{address}/{path}")).await else {
        return Ok(String::new());
    };
    Ok(response.text().await.unwrap_or_default())
}

async fn wait_for(address: &str, path: &str, text: &str) -> anyhow::Result<String> {
    let get = async || read(address, path).await;
    wait::until(&format!("/{path} contains {text}"), DEADLINE, get, |found| found.contains(text)).await
}

/// Creates a service account in the namespace of the release, with these rules in the whole cluster, and with the operator's
/// other roles.
async fn create_account(client: &Client, name: &str, rules: &Value) -> anyhow::Result<()> {
    let params = PostParams::default();
    let metadata = json!({"name": name});
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]);
    let binding = |name: &str, kind: &str, role: &str| {
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role});
        json!({"metadata": {"name": name}, "roleRef": role, "subjects": subjects})
    };
    let account = serde_json::from_value(json!({"metadata": metadata}))?;
    Api::<ServiceAccount>::namespaced(client.clone(), NAMESPACE).create(&params, &account).await?;
    let role = serde_json::from_value(json!({"metadata": metadata, "rules": rules}))?;
    Api::<ClusterRole>::all(client.clone()).create(&params, &role).await?;
    let bound = serde_json::from_value(binding(name, "ClusterRole", name))?;
    Api::<ClusterRoleBinding>::all(client.clone()).create(&params, &bound).await?;
    for namespace in [NAMESPACE, PROBE_NAMESPACE] {
        let bound = serde_json::from_value(binding(name, "Role", ROLE))?;
        Api::<RoleBinding>::namespaced(client.clone(), namespace).create(&params, &bound).await?;
    }
    // The tenants of other tests have bound the operator of the chart alone.
    let in_tenants = binding(&format!("{name}-tenant"), "ClusterRole", TENANT_ROLE);
    Api::<ClusterRoleBinding>::all(client.clone())
        .create(&params, &serde_json::from_value(in_tenants)?)
        .await?;
    Ok(())
}

async fn delete_account(client: &Client, name: &str) -> anyhow::Result<()> {
    let params = DeleteParams::default();
    Api::<ClusterRole>::all(client.clone()).delete(name, &params).await?;
    for bound in [name, &format!("{name}-tenant")] {
        Api::<ClusterRoleBinding>::all(client.clone()).delete(bound, &params).await?;
    }
    for namespace in [NAMESPACE, PROBE_NAMESPACE] {
        Api::<RoleBinding>::namespaced(client.clone(), namespace).delete(name, &params).await?;
    }
    Api::<ServiceAccount>::namespaced(client.clone(), NAMESPACE).delete(name, &params).await?;
    Ok(())
}

/// Creates a Lease that another process holds, so that the operator stays on standby.
async fn create_lease(client: &Client, name: &str) -> anyhow::Result<()> {
    let lease = json!({
        "metadata": {"name": name},
        "spec": {
            "holderIdentity": "another", "renewTime": "2026-11-24T08:00:00.000000Z", "acquireTime": "2026-11-24T08:00:00.000000Z",
            "leaseDurationSeconds": 1_000_000_000,
        },
    });
    let leases = Api::<Lease>::namespaced(client.clone(), NAMESPACE);
    leases.create(&PostParams::default(), &serde_json::from_value(lease)?).await?;
    Ok(())
}

/// The operator is ready with the rights that the chart grants.
#[tokio::test]
async fn the_chart_grants_the_operator_all_rights() -> anyhow::Result<()> {
    process::ensure(&cluster::client().await?).await?;
    let address = process::metrics_address()?.to_string();
    wait_for(&address, "readyz", "ok").await?;
    assert!(!read(&address, "metrics").await?.contains("smb_operator_missing_rights{"));
    Ok(())
}

/// An operator that lacks a right names it, and is not ready until the right is granted.
#[tokio::test]
async fn an_operator_that_lacks_a_right_names_it_and_is_not_ready() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (name, roles) = (cluster::unique("restricted-operator"), Api::<ClusterRole>::all(client.clone()));
    let all = serde_json::to_value(roles.get(ROLE).await?.rules.unwrap_or_default())?;
    let nodes = |rule: &Value| rule["resources"].as_array().is_some_and(|it| it.contains(&json!("nodes")));
    let fewer: Vec<&Value> = all.as_array().into_iter().flatten().filter(|rule| !nodes(rule)).collect();
    create_account(&client, &name, &json!(fewer)).await?;
    create_lease(&client, &name).await?;
    let address = free_address()?;
    let operator = OperatorProcess::start_as(&client, &name, &name, &address).await?;
    wait_for(&address, "readyz", "waiting for: rights").await?;
    let metrics =
        wait_for(&address, "metrics", "smb_operator_missing_rights{right=\"list nodes\"} 1").await?;
    assert!(!metrics.contains("missing_rights{right=\"list namespaces\"}"), "{metrics}");
    let granted = Patch::Merge(json!({"rules": all}));
    roles.patch(&name, &PatchParams::default(), &granted).await?;
    wait_for(&address, "readyz", "ok").await?;
    drop(operator);
    delete_account(&client, &name).await?;
    Api::<Lease>::namespaced(client, NAMESPACE).delete(&name, &DeleteParams::default()).await?;
    Ok(())
}

fn free_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
