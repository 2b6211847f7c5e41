//! Tenants and their namespaces.

use std::{fmt::Debug, time::Duration};

use crds::{Tenant, names};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects};

/// Deadline of the deletion of a namespace: the namespace controller deletes one kind after the other, with
/// delays.
const NAMESPACE_DEADLINE: Duration = Duration::from_secs(120);

async fn patch(fixture: &Fixture, spec: Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn reason(tenant: &Tenant) -> String {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    crds::conditions::get(conditions, "Ready").map(|ready| ready.reason.clone()).unwrap_or_default()
}

/// The namespace of a tenant has the network policies, pod security and quota of its plan.
#[tokio::test]
async fn a_tenant_gets_an_isolated_namespace_with_the_quota_of_its_plan() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("set-up", objects::plan()).await?;
    let namespace = fixture.namespaces.get(&fixture.namespace).await?;
    assert_eq!(namespace.labels()["pod-security.kubernetes.io/enforce"], "restricted");
    let policies: Api<NetworkPolicy> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    assert_eq!(policies.list(&ListParams::default()).await?.items.len(), 5);
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let hard = quotas.get("smb-tenant").await?.spec.and_then(|spec| spec.hard).unwrap_or_default();
    assert_eq!(hard["requests.cpu"].0, "2");
    let config: Api<ConfigMap> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    assert_eq!(config.get("tenant").await?.data.unwrap_or_default()["name"], fixture.slug);
    Ok(())
}

/// Objects of a tenant that are deleted by hand are created again.
#[tokio::test]
async fn objects_deleted_by_hand_are_created_again() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("drift", objects::plan()).await?;
    is_created_again::<NetworkPolicy>(&fixture, names::POLICY_DEFAULT_DENY).await?;
    is_created_again::<ResourceQuota>(&fixture, names::RESOURCE_QUOTA).await?;
    is_created_again::<LimitRange>(&fixture, names::LIMIT_RANGE).await?;
    is_created_again::<RoleBinding>(&fixture, names::RUNNER_ROLE_BINDING).await?;
    // One reconciliation applies all children, so each deletion is checked more than once.
    for _ in 0..3 {
        is_created_again::<ServiceAccount>(&fixture, names::RUNNER_SERVICE_ACCOUNT).await?;
    }
    for _ in 0..3 {
        is_created_again::<ConfigMap>(&fixture, names::TENANT_CONFIG_MAP).await?;
    }
    // Without this role binding, the operator can do nothing in the namespace except create it again.
    is_created_again::<RoleBinding>(&fixture, names::OPERATOR_ROLE_BINDING).await
}

async fn is_created_again<K>(fixture: &Fixture, name: &str) -> anyhow::Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let deleted = api.get(name).await?.uid();
    api.delete(name, &DeleteParams::default()).await?;
    let what = format!("{} {name} is back", K::kind(&()));
    let found = async || Ok(api.get_opt(name).await?);
    wait::until(&what, DEADLINE, found, |found| found.as_ref().is_some_and(|found| found.uid() != deleted))
        .await?;
    Ok(())
}

/// Role bindings, quotas and labels that are changed by hand are reverted.
#[tokio::test]
async fn objects_changed_by_hand_are_reverted() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("changed", objects::plan()).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let more =
        json!({"subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}]});
    bindings.patch("smb-access-admin", &PatchParams::default(), &Patch::Merge(&more)).await?;
    let subjects = async || Ok(bindings.get("smb-access-admin").await?.subjects.unwrap_or_default());
    wait::until("the added subject is removed", DEADLINE, subjects, Vec::is_empty).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let raised = json!({"spec": {"hard": {"requests.cpu": "200"}}});
    quotas.patch(names::RESOURCE_QUOTA, &PatchParams::default(), &Patch::Merge(&raised)).await?;
    let cpu = async || {
        let hard = quotas.get(names::RESOURCE_QUOTA).await?.spec.and_then(|spec| spec.hard);
        Ok(hard.unwrap_or_default()["requests.cpu"].0.clone())
    };
    wait::until("the quota is that of the plan", DEADLINE, cpu, |cpu| cpu == "2").await?;
    let opened = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
    fixture.namespaces.patch(&fixture.namespace, &PatchParams::default(), &Patch::Merge(&opened)).await?;
    let level = async || {
        let namespace = fixture.namespaces.get(&fixture.namespace).await?;
        Ok(namespace.labels()["pod-security.kubernetes.io/enforce"].clone())
    };
    wait::until("the namespace is restricted", DEADLINE, level, |level| level == "restricted").await?;
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
    assert_eq!(reason(&fixture.tenant_with_ready("False").await?), "NamespaceNotOurs");
    patch(&fixture, json!({"namespace": {"adopt": true}})).await?;
    assert_eq!(reason(&fixture.tenant_with_ready("False").await?), "NamespaceNotOurs");
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

/// By default, the namespace of a deleted tenant remains.
#[tokio::test]
async fn the_namespace_of_a_deleted_tenant_remains() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("retain", objects::plan()).await?;
    fixture.tenants.delete(&fixture.slug, &DeleteParams::default()).await?;
    let tenant = async || Ok(fixture.tenants.get_opt(&fixture.slug).await?);
    wait::until("the tenant is deleted", DEADLINE, tenant, Option::is_none).await?;
    assert_eq!(fixture.namespaces.get(&fixture.namespace).await?.metadata.deletion_timestamp, None);
    Ok(())
}

/// A tenant with the deletion policy `Delete` is deleted with its namespace.
#[tokio::test]
async fn a_tenant_with_deletion_policy_delete_is_deleted_with_its_namespace() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("purge", objects::plan()).await?;
    patch(&fixture, json!({"deletionPolicy": "Delete"})).await?;
    fixture.tenants.delete(&fixture.slug, &DeleteParams::default()).await?;
    let tenant = async || Ok(fixture.tenants.get_opt(&fixture.slug).await?);
    wait::until("the tenant is deleted", NAMESPACE_DEADLINE, tenant, Option::is_none).await?;
    assert!(fixture.namespaces.get_opt(&fixture.namespace).await?.is_none());
    Ok(())
}
