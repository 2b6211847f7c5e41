//! Network policies that tests create.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};
use tests::cluster;

/// A network policy that a test created.
pub(super) struct Policy {
    policies: Api<NetworkPolicy>,
    name: String,
}

impl Policy {
    /// Denies all connections to pods of the namespace.
    pub(super) async fn deny(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        let spec = json!({"podSelector": {}, "policyTypes": ["Ingress"]});
        Self::create(client, namespace, spec).await
    }

    /// Permits connections from the other namespace to these pods.
    pub(super) async fn allow_ingress(
        client: &Client,
        namespace: &str,
        pods: &Value,
        from: &str,
    ) -> anyhow::Result<Self> {
        let peer = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": from}}});
        let spec = json!({"podSelector": {"matchLabels": pods}, "policyTypes": ["Ingress"], "ingress": [{"from": [peer]}]});
        Self::create(client, namespace, spec).await
    }

    /// Permits all connections from pods of the namespace.
    pub(super) async fn allow_egress(client: &Client, namespace: &str) -> anyhow::Result<Self> {
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

    /// Deletes the policy.
    pub(super) async fn delete(self) -> anyhow::Result<()> {
        self.policies.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}
