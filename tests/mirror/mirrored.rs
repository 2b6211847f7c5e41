//! Tenants say whether they are in the database.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use tests::{cluster, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

fn is(condition: Option<&Condition>, status: &str, generation: i64) -> bool {
    condition.is_some_and(|it| it.status == status && it.observed_generation == Some(generation))
}

/// Whoever waits for a tenant to be served by the API waits for ever; or its object is written again and again.
#[tokio::test]
async fn a_tenant_says_that_it_is_stored_and_is_then_left_alone() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    let mirrored = async || tenant.mirrored(&tenant.slug).await;
    until("the tenant is marked", DEADLINE, mirrored, |it| is(it.as_ref(), "True", 1)).await?;
    let rename = json!({"spec": {"displayName": "Acme Patisserie"}});
    tenant.tenants.patch(&tenant.slug, &PatchParams::default(), &Patch::Merge(rename)).await?;
    until("its change is marked", DEADLINE, mirrored, |it| is(it.as_ref(), "True", 2)).await?;
    let version = tenant.tenants.get(&tenant.slug).await?.resource_version();

    // The next tenant's mark is a whole round later.
    let next = TestTenant::create(&client).await?;
    let mirrored = async || next.mirrored(&next.slug).await;
    until("the next tenant is marked", DEADLINE, mirrored, |it| is(it.as_ref(), "True", 1)).await?;
    assert_eq!(tenant.tenants.get(&tenant.slug).await?.resource_version(), version);
    running.stop().await
}

/// Two tenants claim one namespace: the second never shows in the API, and nothing says why.
#[tokio::test]
async fn a_tenant_that_cannot_be_stored_says_why() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    let rival = tenant.rival().await?.name_any();
    let mirrored = async || tenant.mirrored(&rival).await;
    let refused = until("the rival is refused", DEADLINE, mirrored, |it| is(it.as_ref(), "False", 1)).await?;
    let refused = refused.map(|it| (it.reason, it.message.contains("tenants_namespace")));
    assert_eq!(refused, Some(("Refused".to_owned(), true)));
    let mirrored = async || tenant.mirrored(&tenant.slug).await;
    until("the first is stored", DEADLINE, mirrored, |it| is(it.as_ref(), "True", 1)).await?;
    tenant.tenants.delete(&rival, &DeleteParams::default()).await?;
    running.stop().await
}
