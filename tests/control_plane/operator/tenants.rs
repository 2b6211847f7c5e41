//! Tenants and their namespaces.

use crds::Tenant;
use k8s_openapi::api::{
    core::v1::{ConfigMap, Namespace, ResourceQuota},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects};

async fn patch(fixture: &Fixture, spec: Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn reason(tenant: &Tenant) -> String {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    crds::conditions::get(conditions, "Ready").map(|ready| ready.reason.clone()).unwrap_or_default()
}

/// The namespace of a tenant has the network policies, the Pod Security Standard in its pinned version, and the quota of its
/// plan.
#[tokio::test]
async fn a_tenant_gets_an_isolated_namespace_with_the_quota_of_its_plan() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("set-up", objects::plan()).await?;
    let namespace = fixture.namespaces.get(&fixture.namespace).await?;
    for mode in ["enforce", "audit", "warn"] {
        assert_eq!(namespace.labels()[&format!("pod-security.kubernetes.io/{mode}")], "restricted");
        assert_eq!(namespace.labels()[&format!("pod-security.kubernetes.io/{mode}-version")], "v1.31");
    }
    let privileged = json!({"metadata": {"name": "privileged"}, "spec": {"containers": [
        {"name": "tool", "image": "docker.io/acme/tool:1", "securityContext": {"privileged": true}},
    ]}});
    let refused = fixture.pods.create(&PostParams::default(), &serde_json::from_value(privileged)?).await;
    let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("violates PodSecurity \"restricted:v1.31\""), "{message}");
    let policies: Api<NetworkPolicy> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    assert_eq!(policies.list(&ListParams::default()).await?.items.len(), 5);
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let hard = quotas.get("smb-tenant").await?.spec.and_then(|spec| spec.hard).unwrap_or_default();
    assert_eq!(hard["requests.cpu"].0, "2");
    let config: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    assert_eq!(config.get("tenant").await?.data.unwrap_or_default()["name"], fixture.slug);
    Ok(())
}

/// A tenant that is applied before its plan becomes ready when the plan exists.
#[tokio::test]
async fn a_tenant_waits_for_its_plan() -> anyhow::Result<()> {
    let fixture = Fixture::new("early").await?;
    objects::create(&fixture.tenants, "Tenant", &fixture.slug, json!({"planRef": {"name": fixture.slug}}))
        .await?;
    assert_eq!(reason(&fixture.tenant_with_ready("False").await?), "PlanNotFound");
    objects::create(&fixture.plans, "Plan", &fixture.slug, objects::plan()).await?;
    fixture.tenant_with_ready("True").await?;
    let plan = async || Ok(fixture.plans.get(&fixture.slug).await?);
    wait::until("the plan counts the tenant", DEADLINE, plan, |plan| {
        plan.status.as_ref().and_then(|status| status.tenants) == Some(1)
    })
    .await?;
    Ok(())
}

/// A tenant takes over an existing namespace only if its spec says so and the namespace names it.
#[tokio::test]
async fn an_existing_namespace_is_adopted_only_on_request() -> anyhow::Result<()> {
    let fixture = Fixture::new("adopt").await?;
    let existing: Namespace = serde_json::from_value(json!({"metadata": {"name": fixture.namespace}}))?;
    fixture.namespaces.create(&PostParams::default(), &existing).await?;
    objects::create(&fixture.plans, "Plan", &fixture.slug, objects::plan()).await?;
    objects::create(&fixture.tenants, "Tenant", &fixture.slug, json!({"planRef": {"name": fixture.slug}}))
        .await?;
    assert_eq!(reason(&fixture.tenant_with_ready("False").await?), "NamespaceConflict");
    patch(&fixture, json!({"namespace": {"adopt": true}})).await?;
    assert_eq!(reason(&fixture.tenant_with_ready("False").await?), "NamespaceConflict");
    assert!(
        !fixture.namespaces.get(&fixture.namespace).await?.labels().contains_key("smbcopilot.dev/tenant")
    );
    let permitted = json!({"metadata": {"annotations": {"smbcopilot.dev/adopt-by": fixture.slug}}});
    fixture.namespaces.patch(&fixture.namespace, &PatchParams::default(), &Patch::Merge(&permitted)).await?;
    fixture.tenant_with_ready("True").await?;
    assert_eq!(
        fixture.namespaces.get(&fixture.namespace).await?.labels()["smbcopilot.dev/tenant"],
        fixture.slug
    );
    Ok(())
}
