//! Changes of a tenant's children by others, beside those that `children.rs` makes of each of them.

use anyhow::Context as _;
use k8s_openapi::{
    api::{core::v1::ResourceQuota, events::v1::Event, networking::v1::NetworkPolicy},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tests::wait;

use super::{DEADLINE, fixture::Fixture, objects, process};

/// Returns the notes of the Events of a reason about the tenant.
pub(super) async fn notes(fixture: &Fixture, reason: &str) -> anyhow::Result<Vec<String>> {
    let events: Api<Event> = Api::all(fixture.client.clone());
    let about = ListParams::default().fields(&format!("regarding.name={},reason={reason}", fixture.slug));
    Ok(events.list(&about).await?.items.into_iter().filter_map(|event| event.note).collect())
}

/// Fields and annotations of others stay as they are, and a child that the operator does not build any more is deleted.
#[tokio::test]
async fn only_children_that_the_operator_has_applied_are_deleted() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("obsolete", objects::plan()).await?;
    let policies: Api<NetworkPolicy> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let policy = |name: &str| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "labels": {"smbcopilot.dev/tenant": fixture.slug}},
            "spec": {"podSelector": {"matchLabels": {"app": "none"}}, "policyTypes": ["Ingress"]},
        })
    };
    let apply = async |name: &str, manager: &str| {
        policies.patch(name, &PatchParams::apply(manager), &Patch::Apply(policy(name))).await
    };
    apply("of-a-user", "kubectl").await?;
    apply("of-an-older-version", "smb-copilot-operator").await?;
    let deleted = async || Ok(policies.get_opt("of-an-older-version").await?);
    wait::until("the obsolete policy is deleted", DEADLINE, deleted, Option::is_none).await?;
    assert!(policies.get_opt("of-a-user").await?.is_some());
    Ok(())
}

/// Applies the quota of a tenant in the name of the operator, with another number of CPUs.
async fn forge(quotas: &Api<ResourceQuota>) -> anyhow::Result<()> {
    let quota = quotas.get("smb-tenant").await?;
    let mut hard = quota.spec.clone().and_then(|spec| spec.hard).unwrap_or_default();
    hard.insert("requests.cpu".to_owned(), Quantity("200".to_owned()));
    let forged = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "smb-tenant", "labels": quota.labels()},
        "spec": {"hard": hard},
    });
    let params = PatchParams::apply("smb-copilot-operator").force();
    quotas.patch("smb-tenant", &params, &Patch::Apply(forged)).await?;
    Ok(())
}

async fn cpus(quotas: &Api<ResourceQuota>) -> anyhow::Result<String> {
    let hard = quotas.get("smb-tenant").await?.spec.and_then(|spec| spec.hard).unwrap_or_default();
    Ok(hard.get("requests.cpu").context("the quota has no requests.cpu")?.0.clone())
}

/// A change that somebody has made in the name of the operator is restored and reported.
#[tokio::test]
async fn a_change_in_the_name_of_the_operator_is_restored() -> anyhow::Result<()> {
    // The operator that has set the tenant up knows what it has applied.
    let _same = process::retain().await;
    let fixture = Fixture::with_tenant("forged", objects::plan()).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    forge(&quotas).await?;
    wait::until("the quota is that of the plan", DEADLINE, async || cpus(&quotas).await, |cpu| cpu == "2")
        .await?;
    let named = "ResourceQuota smb-tenant were removed, or changed in the operator's name";
    let found = async || notes(&fixture, "DriftCorrected").await;
    wait::until(named, DEADLINE, found, |notes| notes.iter().any(|note| note.contains(named))).await?;
    Ok(())
}

/// The same holds for a change that was made while no operator was running.
#[tokio::test]
async fn a_change_in_the_name_of_the_operator_is_found_after_a_restart() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("forged", objects::plan()).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let stopped = process::kill().await?;
    forge(&quotas).await?;
    stopped.start(&fixture.client).await?;
    wait::until("the quota is that of the plan", DEADLINE, async || cpus(&quotas).await, |cpu| cpu == "2")
        .await?;
    Ok(())
}

/// A new operator writes nothing to a tenant that nobody has changed, and corrects what was changed while none was running.
#[tokio::test]
async fn a_new_operator_corrects_only_what_was_changed_meanwhile() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("meanwhile", objects::plan()).await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let policies: Api<NetworkPolicy> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let untouched = async || anyhow::Ok(policies.get("smb-default-deny").await?.resource_version());
    let before = untouched().await?;
    let stopped = process::kill().await?;
    let raised = Patch::Merge(json!({"spec": {"hard": {"requests.cpu": "200"}}}));
    quotas.patch("smb-tenant", &PatchParams::default(), &raised).await?;
    stopped.start(&fixture.client).await?;
    wait::until("the quota is that of the plan", DEADLINE, async || cpus(&quotas).await, |cpu| cpu == "2")
        .await?;
    assert_eq!(untouched().await?, before);
    Ok(())
}
