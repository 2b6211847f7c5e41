//! Several tenants that name one namespace.

use crds::{Tenant, conditions, labels, names};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::{cluster, tenant_deletion::delete_confirmed, wait};

use super::{DEADLINE, NAMESPACE_DEADLINE, fixture::Fixture, objects, process};

/// Number of pairs of tenants that are created at once.
const PAIRS: usize = 5;

/// Creates a tenant with the plan of the fixture that names a namespace.
async fn create(fixture: &Fixture, slug: &str, namespace: &str) -> anyhow::Result<()> {
    let spec = json!({
        "planRef": {"name": fixture.slug}, "namespace": {"name": namespace},
        "state": "Suspended", "onSuspend": "Cancel", "deletionPolicy": "Delete",
    });
    objects::create(&fixture.tenants, "Tenant", slug, spec).await.map(drop)
}

fn ready(tenant: &Tenant) -> Option<(String, String)> {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let ready = conditions::get(conditions, conditions::READY)?;
    Some((ready.status.clone(), ready.reason.clone()))
}

/// Waits until the condition Ready of a tenant has one of the reasons, and returns the tenant.
async fn with_reason(fixture: &Fixture, slug: &str, reasons: &[&str]) -> anyhow::Result<Tenant> {
    let get = async || Ok(fixture.tenants.get(slug).await?);
    let has = |tenant: &Tenant| ready(tenant).is_some_and(|(_, reason)| reasons.contains(&reason.as_str()));
    wait::until(&format!("tenant {slug} has one of {reasons:?}"), DEADLINE, get, has).await
}

/// Checks that a namespace and all role bindings in it are those of one tenant.
async fn belongs_to(fixture: &Fixture, namespace: &str, owner: &Tenant) -> anyhow::Result<()> {
    let found = fixture.namespaces.get(namespace).await?;
    assert_eq!(found.labels().get(labels::TENANT), owner.metadata.name.as_ref());
    assert_eq!(found.annotations().get(labels::TENANT_UID), owner.metadata.uid.as_ref());
    let bindings: Api<RoleBinding> = Api::namespaced(fixture.client.clone(), namespace);
    for binding in bindings.list(&ListParams::default()).await? {
        assert_eq!(
            binding.labels().get(labels::TENANT),
            owner.metadata.name.as_ref(),
            "{}",
            binding.name_any()
        );
    }
    Ok(())
}

/// Of two tenants that name one namespace and are created at once, one gets it with all of its children, also after a restart of the
/// operator. The other one says so.
#[tokio::test]
async fn one_of_two_tenants_gets_the_namespace_that_both_name() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("pairs", objects::plan()).await?;
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let (namespace, one, two) = (cluster::unique("both"), cluster::unique("one"), cluster::unique("two"));
        tokio::try_join!(create(&fixture, &one, &namespace), create(&fixture, &two, &namespace))?;
        pairs.push((namespace, one, two));
    }
    let mut owners = Vec::new();
    for (namespace, one, two) in &pairs {
        let (one, two) = (
            with_reason(&fixture, one, &["Suspended", "NamespaceConflict"]).await?,
            with_reason(&fixture, two, &["Suspended", "NamespaceConflict"]).await?,
        );
        let (owner, other) =
            if ready(&one).is_some_and(|(status, _)| status == "True") { (one, two) } else { (two, one) };
        assert_eq!(ready(&owner), Some(("True".to_owned(), "Suspended".to_owned())), "{namespace}");
        assert_eq!(ready(&other), Some(("False".to_owned(), "NamespaceConflict".to_owned())), "{namespace}");
        belongs_to(&fixture, namespace, &owner).await?;
        owners.push((namespace, owner, other));
    }
    process::kill().await?.start(&fixture.client).await?;
    for (namespace, owner, other) in owners {
        // A change makes the new operator reconcile both.
        for slug in [owner.name_any(), other.name_any()] {
            let renamed = Patch::Merge(json!({"spec": {"displayName": "renamed"}}));
            fixture.tenants.patch(&slug, &PatchParams::default(), &renamed).await?;
            let get = async || Ok(fixture.tenants.get(&slug).await?);
            let is_observed = |tenant: &Tenant| {
                let observed = tenant.status.as_ref().and_then(|status| status.observed_generation);
                observed == tenant.metadata.generation
            };
            wait::until(&format!("tenant {slug} is observed"), DEADLINE, get, is_observed).await?;
        }
        with_reason(&fixture, &owner.name_any(), &["Suspended"]).await?;
        with_reason(&fixture, &other.name_any(), &["NamespaceConflict"]).await?;
        belongs_to(&fixture, namespace, &owner).await?;
    }
    Ok(())
}

/// A tenant that names the namespace of another one changes nothing of it, neither while it exists nor by its deletion with its data.
/// It is told nothing about the usage of the other.
#[tokio::test]
async fn a_tenant_that_names_the_namespace_of_another_touches_nothing() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("owner", objects::plan()).await?;
    let owner = fixture.tenants.get(&fixture.slug).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    let second = cluster::unique("a-second");
    create(&fixture, &second, &fixture.namespace).await?;
    with_reason(&fixture, &second, &["NamespaceConflict"]).await?;
    let counted = async || Ok(fixture.tenants.get(&second).await?.status.unwrap_or_default());
    let status =
        wait::until("the runs are counted", DEADLINE, counted, |status| status.runs.is_some()).await?;
    let runs = status.runs.unwrap_or_default();
    assert_eq!((runs.running, runs.queued, status.quota), (0, 0, None));
    process::kill().await?.start(&fixture.client).await?;
    delete_confirmed(&fixture.tenants, &second).await?;
    let found = async || Ok(fixture.tenants.get_opt(&second).await?);
    wait::until("the second tenant is deleted", NAMESPACE_DEADLINE, found, Option::is_none).await?;
    belongs_to(&fixture, &fixture.namespace, &owner).await?;
    assert!(fixture.namespaces.get(&fixture.namespace).await?.metadata.deletion_timestamp.is_none());
    fixture.begin_run("order-7").await?;
    fixture.finish_run("order-7").await?;
    fixture.run("order-8", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-8").await.map(drop)
}

/// The namespace that a deleted tenant has left with its data does not go to another tenant that names it.
#[tokio::test]
async fn a_retained_namespace_does_not_go_to_another_tenant_that_names_it() -> anyhow::Result<()> {
    let fixture = Fixture::with_workflow("first", objects::plan()).await?;
    let owner = fixture.tenants.get(&fixture.slug).await?;
    let second = cluster::unique("a-second");
    create(&fixture, &second, &fixture.namespace).await?;
    with_reason(&fixture, &second, &["NamespaceConflict"]).await?;
    fixture.run("order-7", json!({"quantity": 1})).await?;
    fixture.wait_until_assigned("order-7").await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    fixture.wait_until_tenant_deleted().await?;
    fixture
        .run_until("order-7", "is cancelled with its tenant", |status| {
            status.phase.is_some_and(crds::run::RunPhase::is_final)
        })
        .await?;
    with_reason(&fixture, &second, &["NamespaceConflict"]).await?;
    let namespace = fixture.namespaces.get(&fixture.namespace).await?;
    assert_eq!(namespace.annotations().get(labels::TENANT_UID), owner.metadata.uid.as_ref());
    let bindings: Api<RoleBinding> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let left: Vec<_> =
        bindings.list(&ListParams::default()).await?.iter().map(|binding| binding.name_any()).collect();
    assert_eq!(left, [names::OPERATOR_ROLE_BINDING]);
    Ok(())
}

/// A tenant that has a namespace cannot be moved to another one, where it would leave its runs and data behind.
#[tokio::test]
async fn a_tenant_cannot_be_moved_to_another_namespace() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("moved", objects::plan()).await?;
    let moved = fixture.patch_tenant(json!({"namespace": {"name": cluster::unique("elsewhere")}})).await;
    let message = moved.unwrap_err().to_string();
    assert!(message.contains("spec.namespace.name cannot be set any more"), "{message}");
    fixture.patch_tenant(json!({"namespace": {"name": fixture.namespace}})).await
}

/// The data of a tenant is not given up because the mark of its namespace is missing: its deletion waits, says why, and continues when
/// the mark is back.
#[tokio::test]
async fn a_namespace_without_its_mark_blocks_the_deletion_of_its_tenant() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("unmarked", objects::plan()).await?;
    let uid = fixture.tenants.get(&fixture.slug).await?.uid();
    fixture.patch_tenant(json!({"deletionPolicy": "Delete"})).await?;
    let mark = async |uid: Option<&String>| {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {labels::TENANT_UID: uid}}}));
        fixture.namespaces.patch(&fixture.namespace, &PatchParams::default(), &patch).await
    };
    // A set-up that had read the namespace before restores the mark.
    let unmarked = async || {
        mark(None).await?;
        Ok(fixture.tenants.get(&fixture.slug).await?)
    };
    let is_refused = |tenant: &Tenant| ready(tenant).is_some_and(|(_, reason)| reason == "NamespaceConflict");
    wait::until("the namespace is refused", DEADLINE, unmarked, is_refused).await?;
    fixture.tenant_with_reason("Stalled", "NamespaceConflict").await?;
    delete_confirmed(&fixture.tenants, &fixture.slug).await?;
    let message = fixture.tenant_with_reason("Stalled", "CleanupBlocked").await?;
    assert!(message.contains("does not say any more that it belongs to it"), "{message}");
    assert!(fixture.namespaces.get(&fixture.namespace).await?.metadata.deletion_timestamp.is_none());
    mark(uid.as_ref()).await?;
    fixture.wait_until_tenant_deleted().await?;
    assert!(fixture.namespaces.get_opt(&fixture.namespace).await?.is_none());
    Ok(())
}
