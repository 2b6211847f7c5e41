//! A namespace that does not belong to a tenant.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde_json::json;
use tests::cluster;

/// Creates the namespace, without any network policy.
pub(super) async fn create(client: &Client) -> anyhow::Result<String> {
    let name = cluster::unique("unmanaged");
    let namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    Ok(name)
}

/// Deletes the namespace with all its objects.
pub(super) async fn delete(client: &Client, name: &str) -> anyhow::Result<()> {
    Api::<Namespace>::all(client.clone()).delete(name, &DeleteParams::default()).await?;
    Ok(())
}
