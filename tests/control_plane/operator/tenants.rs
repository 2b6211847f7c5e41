//! Tenants.

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

use super::{DEADLINE, objects, world::World};

/// The namespace controller deletes kind by kind, with waits of its own in between.
const NAMESPACE_DEADLINE: Duration = Duration::from_secs(120);

async fn patch(world: &World, spec: Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    world.tenants.patch(&world.slug, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn reason(tenant: &Tenant) -> String {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    crds::conditions::get(conditions, "Ready").map(|ready| ready.reason.clone()).unwrap_or_default()
}

/// A tenant gets an open namespace, or one without quota.
#[tokio::test]
async fn a_tenant_gets_a_closed_namespace_with_its_plans_quota() -> anyhow::Result<()> {
    let world = World::with_tenant("set-up", objects::plan()).await?;
    let namespace = world.namespaces.get(&world.namespace).await?;
    assert_eq!(namespace.labels()["pod-security.kubernetes.io/enforce"], "restricted");
    let policies: Api<NetworkPolicy> = Api::namespaced(world.client.clone(), &world.namespace);
    assert_eq!(policies.list(&ListParams::default()).await?.items.len(), 5);
    let quotas: Api<ResourceQuota> = Api::namespaced(world.client.clone(), &world.namespace);
    let hard = quotas.get("smb-tenant").await?.spec.and_then(|spec| spec.hard).unwrap_or_default();
    assert_eq!(hard["requests.cpu"].0, "2");
    let config: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    assert_eq!(config.get("tenant").await?.data.unwrap_or_default()["name"], world.slug);
    Ok(())
}

/// Somebody deletes what closes a tenant's namespace, or what its runs need, and it stays so.
#[tokio::test]
async fn what_is_deleted_by_hand_comes_back() -> anyhow::Result<()> {
    let world = World::with_tenant("drift", objects::plan()).await?;
    comes_back::<NetworkPolicy>(&world, names::POLICY_DEFAULT_DENY).await?;
    comes_back::<ResourceQuota>(&world, names::RESOURCE_QUOTA).await?;
    comes_back::<LimitRange>(&world, names::LIMIT_RANGE).await?;
    comes_back::<RoleBinding>(&world, names::RUNNER_ROLE_BINDING).await?;
    // What heals one child applies the others, too: so more than once.
    for _ in 0..3 {
        comes_back::<ServiceAccount>(&world, names::RUNNER_SERVICE_ACCOUNT).await?;
    }
    for _ in 0..3 {
        comes_back::<ConfigMap>(&world, names::TENANT_CONFIG_MAP).await?;
    }
    // Without this one the operator may do nothing there, but give it back to itself.
    comes_back::<RoleBinding>(&world, names::OPERATOR_ROLE_BINDING).await
}

async fn comes_back<K>(world: &World, name: &str) -> anyhow::Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(world.client.clone(), &world.namespace);
    let deleted = api.get(name).await?.uid();
    api.delete(name, &DeleteParams::default()).await?;
    let what = format!("{} {name} is back", K::kind(&()));
    let found = async || Ok(api.get_opt(name).await?);
    wait::until(&what, DEADLINE, found, |found| found.as_ref().is_some_and(|found| found.uid() != deleted))
        .await?;
    Ok(())
}

/// Somebody hands out a role, raises a quota, or opens a namespace, and it stays so.
#[tokio::test]
async fn what_is_changed_by_hand_is_changed_back() -> anyhow::Result<()> {
    let world = World::with_tenant("changed", objects::plan()).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    let more =
        json!({"subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}]});
    bindings.patch("smb-access-admin", &PatchParams::default(), &Patch::Merge(&more)).await?;
    let subjects = async || Ok(bindings.get("smb-access-admin").await?.subjects.unwrap_or_default());
    wait::until("nobody was added", DEADLINE, subjects, Vec::is_empty).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(world.client.clone(), &world.namespace);
    let raised = json!({"spec": {"hard": {"requests.cpu": "200"}}});
    quotas.patch(names::RESOURCE_QUOTA, &PatchParams::default(), &Patch::Merge(&raised)).await?;
    let cpu = async || {
        let hard = quotas.get(names::RESOURCE_QUOTA).await?.spec.and_then(|spec| spec.hard);
        Ok(hard.unwrap_or_default()["requests.cpu"].0.clone())
    };
    wait::until("the quota is the plan's", DEADLINE, cpu, |cpu| cpu == "2").await?;
    let opened = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
    world.namespaces.patch(&world.namespace, &PatchParams::default(), &Patch::Merge(&opened)).await?;
    let level = async || {
        let namespace = world.namespaces.get(&world.namespace).await?;
        Ok(namespace.labels()["pod-security.kubernetes.io/enforce"].clone())
    };
    wait::until("the namespace is closed", DEADLINE, level, |level| level == "restricted").await?;
    Ok(())
}

/// A tenant that is applied before its plan never becomes ready.
#[tokio::test]
async fn a_tenant_waits_for_its_plan() -> anyhow::Result<()> {
    let world = World::empty("early").await?;
    objects::create(&world.tenants, "Tenant", &world.slug, json!({"planRef": {"name": world.slug}})).await?;
    assert_eq!(reason(&world.tenant_with_ready("False").await?), "PlanNotFound");
    objects::create(&world.plans, "Plan", &world.slug, objects::plan()).await?;
    world.tenant_with_ready("True").await?;
    let plan = async || Ok(world.plans.get(&world.slug).await?);
    wait::until("the plan counts it", DEADLINE, plan, |plan| {
        plan.status.as_ref().and_then(|status| status.tenants) == Some(1)
    })
    .await?;
    Ok(())
}

/// A tenant takes over, and closes, a namespace in which somebody else works.
#[tokio::test]
async fn a_namespace_of_others_is_taken_over_only_when_asked_to() -> anyhow::Result<()> {
    let world = World::empty("adopt").await?;
    let theirs: Namespace = serde_json::from_value(json!({"metadata": {"name": world.namespace}}))?;
    world.namespaces.create(&PostParams::default(), &theirs).await?;
    objects::create(&world.plans, "Plan", &world.slug, objects::plan()).await?;
    objects::create(&world.tenants, "Tenant", &world.slug, json!({"planRef": {"name": world.slug}})).await?;
    let refused = world.tenant_with_ready("False").await?;
    assert_eq!(reason(&refused), "NamespaceNotOurs");
    assert!(!world.namespaces.get(&world.namespace).await?.labels().contains_key("smbcopilot.dev/tenant"));
    patch(&world, json!({"namespace": {"adopt": true}})).await?;
    world.tenant_with_ready("True").await?;
    assert_eq!(world.namespaces.get(&world.namespace).await?.labels()["smbcopilot.dev/tenant"], world.slug);
    Ok(())
}

/// Deleting a Tenant destroys its data though nobody said so.
#[tokio::test]
async fn a_deleted_tenants_namespace_stays() -> anyhow::Result<()> {
    let world = World::with_tenant("retain", objects::plan()).await?;
    world.tenants.delete(&world.slug, &DeleteParams::default()).await?;
    let tenant = async || Ok(world.tenants.get_opt(&world.slug).await?);
    wait::until("the tenant is gone", DEADLINE, tenant, Option::is_none).await?;
    assert_eq!(world.namespaces.get(&world.namespace).await?.metadata.deletion_timestamp, None);
    Ok(())
}

/// A tenant whose data is to be deleted leaves its namespace behind.
#[tokio::test]
async fn a_tenant_that_says_delete_takes_its_namespace_along() -> anyhow::Result<()> {
    let world = World::with_tenant("purge", objects::plan()).await?;
    patch(&world, json!({"deletionPolicy": "Delete"})).await?;
    world.tenants.delete(&world.slug, &DeleteParams::default()).await?;
    let tenant = async || Ok(world.tenants.get_opt(&world.slug).await?);
    wait::until("the tenant is gone", NAMESPACE_DEADLINE, tenant, Option::is_none).await?;
    assert!(world.namespaces.get_opt(&world.namespace).await?.is_none());
    Ok(())
}
