//! A tenant's namespace, as the operator makes it.

use k8s_openapi::api::{core::v1::Namespace, rbac::v1::RoleBinding};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use crate::cluster::unique;

/// A namespace of one test.
pub struct Place {
    client: Client,
    /// Its name.
    pub namespace: String,
}

impl Place {
    /// A namespace that is a tenant's.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn managed(client: &Client) -> anyhow::Result<Self> {
        let slug = unique("fenced");
        Self::create(client, &format!("t-{slug}"), json!({"smbcopilot.dev/tenant": slug})).await
    }

    /// A namespace that is nobody's.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn unmanaged(client: &Client) -> anyhow::Result<Self> {
        Self::create(client, &unique("plain"), json!({})).await
    }

    async fn create(client: &Client, name: &str, labels: Value) -> anyhow::Result<Self> {
        let namespace = serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}}))?;
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        Ok(Self { client: client.clone(), namespace: name.to_owned() })
    }

    /// An API for the namespace, for `client`.
    #[must_use]
    pub fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(client.clone(), &self.namespace)
    }

    /// Binds somebody to one of the chart's roles.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn bind(&self, role: &str, subject: Value) -> anyhow::Result<()> {
        let binding = serde_json::from_value(json!({
            "metadata": {"name": unique("bound")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        }))?;
        self.api::<RoleBinding>(&self.client).create(&PostParams::default(), &binding).await?;
        Ok(())
    }

    /// Deletes it, with all that is in it.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn remove(self) -> anyhow::Result<()> {
        Api::<Namespace>::all(self.client).delete(&self.namespace, &DeleteParams::default()).await?;
        Ok(())
    }
}
