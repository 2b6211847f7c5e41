//! The end of tenants: their data is retained and restored, or deleted in steps.

use crds::{Plan, labels, names, tenant::TenantPhase};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Namespace, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tests::{
    tenant_deletion::{annotate, apply_status, delete_confirmed},
    wait,
};

use super::{DEADLINE, NAMESPACE_DEADLINE, fixture::Fixture, objects, process};

/// Finalizer that no controller of the cluster removes.
const FOREIGN: &str = "acme.example/hold";

async fn create_tenant(fixture: &Fixture) -> anyhow::Result<()> {
    let spec = json!({"planRef": {"name": fixture.slug}});
    objects::create(&fixture.tenants, "Tenant", &fixture.slug, spec).await.map(drop)
}

fn config_maps(fixture: &Fixture) -> Api<ConfigMap> {
    Api::namespaced(fixture.client.clone(), &fixture.namespace)
}

/// Creates a ConfigMap in the tenant's namespace that cannot be deleted until [`release`] is called.
async fn hold(fixture: &Fixture) -> anyhow::Result<()> {
    let held = json!({"metadata": {"name": "held", "finalizers": [FOREIGN]}});
    config_maps(fixture).create(&PostParams::default(), &serde_json::from_value(held)?).await?;
    Ok(())
}

async fn release(fixture: &Fixture) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    config_maps(fixture).patch("held", &PatchParams::default(), &patch).await?;
    Ok(())
}

async fn wait_until_namespace_deleted(fixture: &Fixture) -> anyhow::Result<()> {
    let found = async || Ok(fixture.namespaces.get_opt(&fixture.namespace).await?);
    wait::until("the namespace is deleted", NAMESPACE_DEADLINE, found, Option::is_none).await.map(drop)
}

async fn is_terminating(fixture: &Fixture) -> anyhow::Result<bool> {
    let namespace = fixture.namespaces.get(&fixture.namespace).await?;
    Ok(namespace.metadata.deletion_timestamp.is_some())
}

/// The names of the role bindings that the operator has created.
async fn bindings(fixture: &Fixture) -> anyhow::Result<Vec<String>> {
    let bindings: Api<RoleBinding> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let own = ListParams::default().labels("app.kubernetes.io/managed-by=smb-copilot-operator");
    Ok(bindings.list(&own).await?.items.iter().map(|binding| binding.name_any()).collect())
}

/// By default, the namespace of a deleted tenant remains with its workflows, and nobody has access. A new tenant of the same
/// name gets them only if it names the old one, and is told how.
#[tokio::test]
async fn a_deleted_tenant_is_retained_and_restored_by_its_uid() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("retain", objects::plan()).await?;
    let old = fixture.tenants.get(&fixture.slug).await?.uid().unwrap_or_default();
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.wait_until_tenant_deleted().await?;
    assert!(!is_terminating(&fixture).await?);
    assert_eq!(bindings(&fixture).await?, [names::OPERATOR_ROLE_BINDING]);
    let accounts: Api<ServiceAccount> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    assert!(accounts.get_opt(names::RUNNER_SERVICE_ACCOUNT).await?.is_none());
    create_tenant(&fixture).await?;
    let message = fixture.tenant_with_reason("Stalled", "NamespaceConflict").await?;
    let restore = json!({labels::RESTORE_FROM: old});
    assert!(message.contains(&format!("kubectl annotate sten {} --overwrite", fixture.slug)), "{message}");
    assert!(message.contains(&format!("{}={old}", labels::RESTORE_FROM)), "{message}");
    fixture.patch_tenant(json!({"namespace": {"adopt": true}})).await?;
    fixture.tenant_with_reason("Stalled", "NamespaceConflict").await?;
    assert_eq!(bindings(&fixture).await?, [names::OPERATOR_ROLE_BINDING], "the new tenant has nothing");
    annotate(&fixture.tenants, &fixture.slug, restore).await?;
    let new = fixture.tenant_with_ready("True").await?;
    let namespace = fixture.namespaces.get(&fixture.namespace).await?;
    assert_eq!(namespace.annotations().get(labels::TENANT_UID), new.metadata.uid.as_ref());
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await.map(drop)
}

/// With the deletion policy `Delete`, a tenant is deleted with its runs, their Jobs, and its namespace.
#[tokio::test]
async fn a_tenant_with_deletion_policy_delete_is_deleted_with_its_namespace() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("purge", objects::plan()).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.wait_until_tenant_deleted().await?;
    assert!(fixture.namespaces.get_opt(&fixture.namespace).await?.is_none());
    Ok(())
}

/// The namespace stays until the api-server says that the data is deleted. What the api-server cannot do blocks the cleanup, with
/// its message and the way out.
#[tokio::test]
async fn the_namespace_stays_until_the_data_is_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("hands-over", objects::plan()).await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.tenant_with_reason("Reconciling", "DeletingData").await?;
    let reported = |reason: &str, message: &str| {
        let condition = json!({"type": "DataDeleted", "status": "False", "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-24T08:00:00Z"});
        json!({"conditions": [condition]})
    };
    let failed = reported("ObjectStorageUnavailable", "the bucket is closed");
    apply_status(&fixture.tenants, &fixture.slug, failed).await?;
    let message = fixture.tenant_with_reason("Stalled", "CleanupBlocked").await?;
    assert!(message.contains("the bucket is closed") && message.contains("deletionPolicy"), "{message}");
    apply_status(&fixture.tenants, &fixture.slug, reported("Deleting", "again")).await?;
    fixture.tenant_with_reason("Stalled", "DeletingData").await?;
    let message = fixture.tenant_with_reason("Reconciling", "DeletingData").await?;
    assert_eq!((message.as_str(), is_terminating(&fixture).await?), ("again", false));
    fixture.wait_until_tenant_deleted().await?;
    assert!(fixture.namespaces.get_opt(&fixture.namespace).await?.is_none());
    Ok(())
}

/// A foreign finalizer blocks the cleanup; the conditions say so and name it. Nobody but its owner removes it, and the cleanup
/// continues then. Meanwhile no tenant of the same name can be created, and afterwards one starts anew.
#[tokio::test]
async fn a_foreign_finalizer_blocks_the_cleanup_until_its_owner_removes_it() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("blocked", objects::plan()).await?;
    hold(&fixture).await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.delete_data().await?;
    let message = fixture.tenant_with_reason("Stalled", "CleanupBlocked").await?;
    assert!(message.contains(FOREIGN) && message.contains("configmaps"), "{message}");
    let tenant = fixture.tenants.get(&fixture.slug).await?;
    assert_eq!(tenant.status.and_then(|status| status.phase), Some(TenantPhase::Terminating));
    assert_eq!(config_maps(&fixture).get("held").await?.finalizers(), [FOREIGN]);
    let refused = create_tenant(&fixture).await.unwrap_err().to_string();
    assert!(refused.contains("being deleted"), "{refused}");
    release(&fixture).await?;
    fixture.wait_until_tenant_deleted().await?;
    create_tenant(&fixture).await?;
    fixture.tenant_with_ready("True").await.map(drop)
}

/// A Tenant with a foreign finalizer is cleaned up, and remains until the owner of that finalizer removes it.
#[tokio::test]
async fn a_foreign_finalizer_of_a_tenant_is_never_removed() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("held", objects::plan()).await?;
    let finalizers = |finalizers: &[&str]| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let both = finalizers(&[FOREIGN, labels::FINALIZER]);
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &both).await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.delete_data().await?;
    wait_until_namespace_deleted(&fixture).await?;
    let only_foreign = |tenant: &crds::Tenant| tenant.finalizers() == [FOREIGN];
    fixture.tenant_until("has the foreign finalizer only", only_foreign).await?;
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &finalizers(&[])).await?;
    fixture.wait_until_tenant_deleted().await
}

/// A tenant whose cleanup is blocked can be ended by the deletion policy `Retain`.
#[tokio::test]
async fn a_blocked_tenant_is_ended_by_the_deletion_policy_retain() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("way-out", objects::plan()).await?;
    hold(&fixture).await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.delete_data().await?;
    fixture.tenant_with_reason("Stalled", "CleanupBlocked").await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Retain"})).await?;
    fixture.wait_until_tenant_deleted().await?;
    assert!(is_terminating(&fixture).await?);
    release(&fixture).await
}

/// A tenant that is being deleted without a confirmation, as when the definition of tenants is deleted, is retained. A cleanup
/// continues after a restart of the operator, wherever it was interrupted.
#[tokio::test]
async fn a_cleanup_continues_after_a_restart_and_needs_a_confirmation() -> anyhow::Result<()> {
    let plan = objects::plan;
    let (unconfirmed, running) =
        (Fixture::with_tenant("unsure", plan()).await?, Fixture::with_workflow("stopping", plan()).await?);
    let (revoked, deleting) =
        (Fixture::with_tenant("revoked", plan()).await?, Fixture::with_tenant("deleting", plan()).await?);
    running.run("order-7", json!({"quantity": 1})).await?;
    running.wait_until_assigned("order-7").await?;
    hold(&deleting).await?;
    let all = [&unconfirmed, &running, &revoked, &deleting];
    for fixture in all {
        fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    }
    delete_confirmed(&deleting.tenants, &deleting.slug).await?;
    deleting.delete_data().await?;
    deleting.tenant_with_reason("Stalled", "CleanupBlocked").await?;
    let stopped = process::kill().await?;
    for fixture in [&unconfirmed, &running, &revoked] {
        delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    }
    annotate(&unconfirmed.tenants, &unconfirmed.slug, json!({labels::CONFIRM_DELETE: null})).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(revoked.client.clone(), &revoked.namespace);
    for name in [names::RUNNER_ROLE_BINDING, names::OPERATOR_ROLE_BINDING] {
        bindings.delete(name, &DeleteParams::default()).await?;
    }
    release(&deleting).await?;
    wait_until_namespace_deleted(&deleting).await?;
    stopped.start(&unconfirmed.client).await?;
    for fixture in all {
        fixture.wait_until_tenant_deleted().await?;
    }
    assert!(!is_terminating(&unconfirmed).await?);
    for fixture in [&running, &revoked] {
        assert!(fixture.namespaces.get_opt(&fixture.namespace).await?.is_none());
    }
    Ok(())
}

/// A namespace that is deleted by hand is created again, and its absence does not block the deletion of the tenant.
#[tokio::test]
async fn a_namespace_deleted_by_hand_is_created_again() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("by-hand", objects::plan()).await?;
    let old = fixture.namespaces.get(&fixture.namespace).await?.uid();
    fixture.namespaces.delete(&fixture.namespace, &DeleteParams::default()).await?;
    let found = async || Ok(fixture.namespaces.get_opt(&fixture.namespace).await?);
    let is_new = |found: &Option<Namespace>| found.as_ref().is_some_and(|found| found.uid() != old);
    wait::until("the namespace is created again", NAMESPACE_DEADLINE, found, is_new).await?;
    fixture.tenant_with_ready("True").await?;
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    hold(&fixture).await?;
    fixture.namespaces.delete(&fixture.namespace, &DeleteParams::default()).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.delete_data().await?;
    fixture.tenant_with_reason("Stalled", "CleanupBlocked").await?;
    release(&fixture).await?;
    fixture.wait_until_tenant_deleted().await
}

/// A namespace that a tenant has adopted is released at its end, also if the permission to adopt it was withdrawn: what the platform
/// has created is deleted, and the rest stays.
#[tokio::test]
async fn an_adopted_namespace_is_released_and_not_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::new("released").await?;
    let existing = json!({"metadata": {"name": fixture.namespace, "labels": {"team": "billing"},
        "annotations": {"smbcopilot.dev/adopt-by": fixture.slug}}});
    fixture.namespaces.create(&PostParams::default(), &serde_json::from_value(existing)?).await?;
    let own: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "own"}}))?;
    config_maps(&fixture).create(&PostParams::default(), &own).await?;
    objects::create(&fixture.plans, "Plan", &fixture.slug, objects::plan()).await?;
    let spec = json!({
        "planRef": {"name": fixture.slug}, "namespace": {"adopt": true}, "deletionPolicy": "Delete",
    });
    objects::create(&fixture.tenants, "Tenant", &fixture.slug, spec).await?;
    fixture.tenant_with_ready("True").await?;
    objects::create(&fixture.workflows, "Workflow", "intake", objects::intake()).await?;
    fixture.workflow_with_valid("intake", "True").await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    let withdrawn = Patch::Merge(json!({"metadata": {"annotations": {labels::ADOPT_BY: null}}}));
    fixture.namespaces.patch(&fixture.namespace, &PatchParams::default(), &withdrawn).await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.wait_until_tenant_deleted().await?;
    let namespace = fixture.namespaces.get(&fixture.namespace).await?;
    assert_eq!(namespace.metadata.deletion_timestamp, None);
    let marks =
        namespace.labels().keys().filter(|key| key.contains("smbcopilot") || key.contains("pod-security"));
    assert_eq!((namespace.labels()["team"].as_str(), marks.count()), ("billing", 0));
    assert!(!namespace.annotations().contains_key(labels::TENANT_UID));
    assert_eq!(bindings(&fixture).await?, Vec::<String>::new());
    assert!(fixture.workflows.list(&ListParams::default()).await?.items.is_empty());
    config_maps(&fixture).get("own").await?;
    Ok(())
}

/// A plan can be deleted once no tenant uses it, also when the last one has changed to another plan.
#[tokio::test]
async fn a_plan_can_be_deleted_when_its_last_tenant_has_another() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("moves", objects::plan()).await?;
    let other = format!("{}-other", fixture.slug);
    objects::create(&fixture.plans, "Plan", &other, objects::plan()).await?;
    let tenants = |number: u32| {
        move |plan: &Plan| plan.status.as_ref().and_then(|status| status.tenants) == Some(number)
    };
    let plan = async || Ok(fixture.plans.get(&fixture.slug).await?);
    wait::until("the plan counts the tenant", DEADLINE, plan, tenants(1)).await?;
    let refused = fixture.plans.delete(&fixture.slug, &DeleteParams::default()).await.map(drop);
    let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("is used by 1 tenants"), "{refused}");
    fixture.patch_tenant(json!({"planRef": {"name": other}})).await?;
    wait::until("the plan counts no tenant", DEADLINE, plan, tenants(0)).await?;
    fixture.plans.delete(&fixture.slug, &DeleteParams::default()).await?;
    fixture.tenant_with_ready("True").await.map(drop)
}

/// Nobody keeps access to the namespace of a tenant whose finalizer was removed while no operator was running. A new tenant restores
/// it by the UID.
#[tokio::test]
async fn a_tenant_that_was_removed_by_force_leaves_no_access_and_can_be_restored() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("forced", objects::plan()).await?;
    let old = fixture.tenants.get(&fixture.slug).await?.uid().unwrap_or_default();
    let stopped = process::kill().await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    let without = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &without).await?;
    create_tenant(&fixture).await?;
    stopped.start(&fixture.client).await?;
    fixture.tenant_with_reason("Stalled", "NamespaceConflict").await?;
    let left = async || bindings(&fixture).await;
    wait::until("nobody has access", NAMESPACE_DEADLINE, left, |left| {
        *left == [names::OPERATOR_ROLE_BINDING]
    })
    .await?;
    annotate(&fixture.tenants, &fixture.slug, json!({labels::RESTORE_FROM: old})).await?;
    fixture.tenant_with_ready("True").await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await.map(drop)
}
