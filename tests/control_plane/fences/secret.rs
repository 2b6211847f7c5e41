//! Types of the Secrets in tenants' namespaces.

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    test_namespace::TestNamespace,
};

use super::{accepted, refused};

fn secret(kind: Option<&str>, data: &Value) -> anyhow::Result<Secret> {
    let annotations = json!({"kubernetes.io/service-account.name": "smb-runner"});
    Ok(serde_json::from_value(json!({
        "metadata": {"name": unique("secret"), "annotations": annotations}, "type": kind, "stringData": data,
    }))?)
}

/// A tenant's administrator cannot get a token of a runner, nor any other Secret that Kubernetes fills, nor one that cannot be deleted.
#[tokio::test]
async fn a_tenant_gets_no_secret_that_kubernetes_fills() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let anna = format!("{}@acme.example", unique("anna"));
    let subject = json!({"kind": "User", "name": anna, "apiGroup": "rbac.authorization.k8s.io"});
    namespace.bind("smb-copilot-tenant-admin", subject).await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let secrets = namespace.api::<Secret>(&client_as(&anna, &[]).await?);
    for (kind, data) in [
        (None, json!({"token": "t"})),
        (Some("kubernetes.io/basic-auth"), json!({"username": "u", "password": "p"})),
        (Some("kubernetes.io/tls"), json!({"tls.crt": "", "tls.key": ""})),
        (Some("kubernetes.io/dockerconfigjson"), json!({".dockerconfigjson": "{}"})),
    ] {
        let permitted = secret(kind, &data)?;
        accepted(kind.unwrap_or("Opaque"), || secrets.create(&dry_run, &permitted)).await?;
    }
    for kind in ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token", "acme.example/other"]
    {
        let forbidden = secret(Some(kind), &json!({}))?;
        refused("type of a Secret in the namespace of a tenant must be", || {
            secrets.create(&dry_run, &forbidden)
        })
        .await?;
    }
    let mut held = secret(None, &json!({"token": "t"}))?;
    held.metadata.finalizers = Some(vec!["acme.example/hold".to_owned()]);
    refused("metadata.finalizers of a Secret must not be set", || secrets.create(&dry_run, &held)).await?;
    let of_administrators = namespace.api::<Secret>(&admin);
    accepted("a finalizer of an administrator", || of_administrators.create(&dry_run, &held)).await?;
    namespace.delete().await
}
