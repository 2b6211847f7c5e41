//! Condition `Mirrored` of tenants.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tests::{cluster, tenant_deletion::delete_confirmed, wait::until};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

fn has_status(condition: Option<&Condition>, status: &str, generation: i64) -> bool {
    condition.is_some_and(|condition| {
        condition.status == status && condition.observed_generation == Some(generation)
    })
}

/// A stored tenant gets the condition once per generation and is not written again after that.
#[tokio::test]
async fn a_stored_tenant_gets_the_condition_once_per_generation() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    let mirrored = async || tenant.mirrored_condition(&tenant.slug).await;
    until("the tenant is mirrored", DEADLINE, mirrored, |condition| {
        has_status(condition.as_ref(), "True", 1)
    })
    .await?;
    let rename = json!({"spec": {"displayName": "Acme Patisserie"}});
    tenant.tenants.patch(&tenant.slug, &PatchParams::default(), &Patch::Merge(rename)).await?;
    until("the change of the tenant is mirrored", DEADLINE, mirrored, |condition| {
        has_status(condition.as_ref(), "True", 2)
    })
    .await?;
    let version = tenant.tenants.get(&tenant.slug).await?.resource_version();

    // The mirror writes the conditions of all tenants in one pass. Once the second tenant has its condition, the
    // first would have been written again as well.
    let next = TestTenant::create(&client).await?;
    let mirrored = async || next.mirrored_condition(&next.slug).await;
    until("the next tenant is mirrored", DEADLINE, mirrored, |condition| {
        has_status(condition.as_ref(), "True", 1)
    })
    .await?;
    assert_eq!(tenant.tenants.get(&tenant.slug).await?.resource_version(), version);
    running.stop().await
}

/// A tenant that the database refuses has the reason in its condition.
#[tokio::test]
async fn a_tenant_that_cannot_be_stored_has_the_reason_in_its_condition() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let refuse = "alter table tenants add constraint refused check (slug not like '%-rival')";
    sqlx::raw_sql(refuse).execute(&database.owner).await?;
    let running = database.start(&client).await?;
    let second = tenant.create_rival().await?.name_any();
    let mirrored = async || tenant.mirrored_condition(&second).await;
    let condition = until("the second tenant is refused", DEADLINE, mirrored, |condition| {
        has_status(condition.as_ref(), "False", 1)
    })
    .await?;
    let reason = condition.map(|condition| (condition.reason, condition.message.contains("refused")));
    assert_eq!(reason, Some(("Refused".to_owned(), true)));
    let mirrored = async || tenant.mirrored_condition(&tenant.slug).await;
    until("the first tenant is stored", DEADLINE, mirrored, |condition| {
        has_status(condition.as_ref(), "True", 1)
    })
    .await?;
    delete_confirmed(&tenant.tenants, &second).await?;
    running.stop().await
}
