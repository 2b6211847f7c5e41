//! Namespace of one test, labelled as the operator labels the namespace of a tenant.

use k8s_openapi::api::{core::v1::Namespace, rbac::v1::RoleBinding};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use crate::cluster::unique;

/// Namespace of one test.
pub struct TestNamespace {
    client: Client,
    /// Name of the namespace.
    pub name: String,
}

impl TestNamespace {
    /// Creates a namespace with the label of a tenant.
    ///
    /// # Errors
    /// Returns an error if the API server refuses the request.
    pub async fn managed(client: &Client) -> anyhow::Result<Self> {
        let slug = unique("fenced");
        let annotations = json!({"smbcopilot.dev/created": "true"});
        Self::create(client, &format!("t-{slug}"), json!({"smbcopilot.dev/tenant": slug}), annotations).await
    }

    /// Creates a namespace that does not belong to a tenant.
    ///
    /// # Errors
    /// Returns an error if the API server refuses the request.
    pub async fn unmanaged(client: &Client) -> anyhow::Result<Self> {
        Self::create(client, &unique("unmanaged"), json!({}), json!({})).await
    }

    /// Creates a namespace that a tenant has adopted, which the operator has not created.
    ///
    /// # Errors
    /// Returns an error if the API server refuses the request.
    pub async fn adopted(client: &Client) -> anyhow::Result<Self> {
        let slug = unique("adopted");
        Self::create(client, &format!("t-{slug}"), json!({"smbcopilot.dev/tenant": slug}), json!({})).await
    }

    async fn create(client: &Client, name: &str, labels: Value, annotations: Value) -> anyhow::Result<Self> {
        let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
        let namespace = serde_json::from_value(json!({"metadata": metadata}))?;
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        Ok(Self { client: client.clone(), name: name.to_owned() })
    }

    /// Returns the API for a kind in the namespace, with the identity of `client`.
    #[must_use]
    pub fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(client.clone(), &self.name)
    }

    /// Binds a subject to one of the cluster roles of the chart.
    ///
    /// # Errors
    /// Returns an error if the API server refuses the request.
    pub async fn bind(&self, role: &str, subject: Value) -> anyhow::Result<()> {
        let binding = serde_json::from_value(json!({
            "metadata": {"name": unique("bound")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        }))?;
        self.api::<RoleBinding>(&self.client).create(&PostParams::default(), &binding).await?;
        Ok(())
    }

    /// Deletes the namespace with all its objects.
    ///
    /// # Errors
    /// Returns an error if the API server refuses the request.
    pub async fn delete(self) -> anyhow::Result<()> {
        Api::<Namespace>::all(self.client).delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}
