//! Network policies of the scenarios' own.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};
use tests::cluster;

/// A policy that was made, and can be taken back.
pub(super) struct Policy {
    policies: Api<NetworkPolicy>,
    name: String,
}

impl Policy {
    /// Nobody reaches a pod of the namespace.
    pub(super) async fn deny(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let spec = json!({"podSelector": {}, "policyTypes": ["Ingress"]});
        Self::create(client, namespace, spec).await
    }

    /// All of the other namespace reach these pods.
    pub(super) async fn let_in(
        client: &Client,
        namespace: &str,
        pods: &Value,
        from: &str,
    ) -> anyhow::Result<Self> {
        let peer = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": from}}});
        let spec = json!({"podSelector": {"matchLabels": pods}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]});
        Self::create(client, namespace, spec).await
    }

    /// All pods of the namespace reach everything.
    pub(super) async fn let_out(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let spec = json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]});
        Self::create(client, namespace, spec).await
    }

    async fn create(client: &Client, namespace: &str, spec: Value) -> anyhow::Result<Self> {
        let policies = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
        let name = cluster::unique("isolation");
        let policy = serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))?;
        policies.create(&PostParams::default(), &policy).await?;
        Ok(Self { policies, name })
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.policies.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}
