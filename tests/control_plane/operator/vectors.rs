//! Vector storage of tenants, with Qdrant's own engine.

use crds::{Tenant, names::digest};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use qdrant_client::{
    Payload, Qdrant,
    qdrant::{
        CollectionConfig, CollectionInfo, Condition as Filter, CountPointsBuilder, CreateCollectionBuilder,
        Distance, Filter as Filters, HnswConfigDiff, NamedVectors, PointStruct, UpdateCollection,
        UpsertPointsBuilder, VectorParamsBuilder, payload_index_params::IndexParams, value::Kind,
    },
};
use serde_json::{Value, json};
use tests::{qdrant_process as qdrant, wait};
use tokio::sync::RwLock;

use super::{DEADLINE, fixture::Fixture, objects, process::SecondOperator};

const SHARED: &str = "kb-minilm-v1";

fn dedicated() -> Value {
    objects::with(objects::plan(), "vectors", json!({"placement": "Dedicated", "model": "minilm"}))
}

fn condition(tenant: &Tenant) -> Option<&Condition> {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    crds::conditions::get(conditions, "VectorStoreReady")
}

/// Held by tests that need the server, and alone by a test that stops it.
static SERVER: RwLock<()> = RwLock::const_new(());

/// Waits until the condition `VectorStoreReady` has this reason.
async fn with_reason(fixture: &Fixture, reason: &str) -> anyhow::Result<Tenant> {
    let get = async || Ok(fixture.tenants.get(&fixture.slug).await?);
    let holds = |tenant: &Tenant| condition(tenant).is_some_and(|condition| condition.reason == reason);
    wait::until(&format!("VectorStoreReady has the reason {reason}"), DEADLINE, get, holds).await
}

fn collection_of(tenant: &Tenant) -> String {
    let vectors = tenant.status.as_ref().and_then(|status| status.vectors.clone()).unwrap_or_default();
    vectors.collection.unwrap_or_default()
}

async fn info(qdrant: &Qdrant, collection: &str) -> anyhow::Result<CollectionInfo> {
    Ok(qdrant.collection_info(collection).await?.result.unwrap_or_default())
}

fn text(config: &CollectionConfig, key: &str) -> Option<String> {
    match config.metadata.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

async fn alias_target(qdrant: &Qdrant, alias: &str) -> anyhow::Result<Option<String>> {
    let aliases = qdrant.list_aliases().await?.aliases;
    Ok(aliases.into_iter().find(|found| found.alias_name == alias).map(|found| found.collection_name))
}

/// Writes a point of a tenant, as the ingestion does.
async fn write_point(qdrant: &Qdrant, collection: &str, id: u64, tenant: &Tenant) -> anyhow::Result<()> {
    let mut payload = Payload::new();
    payload.insert("tenant", tenant.uid().unwrap_or_default());
    let vectors = NamedVectors::default().add_vector("dense", vec![1.0_f32; 384]);
    let point = PointStruct::new(id, vectors, payload);
    qdrant.upsert_points(UpsertPointsBuilder::new(collection, vec![point]).wait(true)).await?;
    Ok(())
}

async fn points_of(qdrant: &Qdrant, collection: &str, tenant: &Tenant) -> anyhow::Result<u64> {
    let filter = Filters::must([Filter::matches("tenant", tenant.uid().unwrap_or_default())]);
    let count = CountPointsBuilder::new(collection).filter(filter).exact(true);
    Ok(qdrant.count(count).await?.result.unwrap_or_default().count)
}

/// Returns a number for the id of a point that no other test uses.
fn point_id(tenant: &Tenant) -> u64 {
    u64::from_str_radix(&digest(&[&tenant.uid().unwrap_or_default()], 15), 16).unwrap_or_default()
}

async fn delete(fixture: &Fixture, policy: &str) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({
        "metadata": {"annotations": {"smbcopilot.dev/confirm-delete": fixture.slug}},
        "spec": {"deletionPolicy": policy},
    }));
    fixture.tenants.patch(&fixture.slug, &PatchParams::default(), &patch).await?;
    fixture.tenants.delete(&fixture.slug, &DeleteParams::default()).await?;
    Ok(())
}

/// A tenant whose plan says nothing else shares a collection that is separated by tenant.
#[tokio::test]
async fn a_tenant_shares_the_collection_of_the_model() -> anyhow::Result<()> {
    let _running = SERVER.read().await;
    let qdrant = qdrant::client().await?;
    let fixture = Fixture::with_tenant("vectors", objects::plan()).await?;
    let tenant = with_reason(&fixture, "Ready").await?;
    assert_eq!(condition(&tenant).map(|ready| ready.status.as_str()), Some("True"));
    assert_eq!(collection_of(&tenant), SHARED);
    let info = info(&qdrant, SHARED).await?;
    let config = info.config.unwrap_or_default();
    assert!(text(&config, "smbcopilot.dev/installation").is_some());
    let hnsw = config.hnsw_config.unwrap_or_default();
    assert_eq!((hnsw.m, hnsw.payload_m), (Some(0), Some(16)));
    let index = info.payload_schema["tenant"].params.clone().and_then(|params| params.index_params);
    assert!(matches!(index, Some(IndexParams::KeywordIndexParams(keyword)) if keyword.is_tenant()));
    Ok(())
}

/// A tenant of a plan with dedicated vectors gets a marked collection behind an alias, with the limits of the plan, and the
/// collection is deleted with the tenant's data. Two operators that set it up at once make one.
#[tokio::test]
async fn a_dedicated_collection_lives_and_ends_with_its_tenant() -> anyhow::Result<()> {
    let _running = SERVER.read().await;
    let qdrant = qdrant::client().await?;
    let _second = SecondOperator::start(&tests::cluster::client().await?).await?;
    let plan = objects::with(dedicated(), "limits", json!({"chunks": 500}));
    let fixture = Fixture::with_tenant("dedicated", plan).await?;
    let tenant = with_reason(&fixture, "Ready").await?;
    let collection = collection_of(&tenant);
    let alias = format!("t-{}", fixture.slug);
    assert_eq!(alias_target(&qdrant, &alias).await?.as_ref(), Some(&collection));
    let config = info(&qdrant, &collection).await?.config.unwrap_or_default();
    assert_eq!(text(&config, "smbcopilot.dev/tenant-uid"), tenant.uid());
    assert_eq!(config.strict_mode_config.and_then(|limits| limits.max_points_count), Some(500));

    let raised = Patch::Merge(json!({"spec": {"limits": {"chunks": 700}}}));
    fixture.plans.patch(&fixture.slug, &PatchParams::default(), &raised).await?;
    let limit = async || {
        let config = info(&qdrant, &collection).await?.config.unwrap_or_default();
        Ok(config.strict_mode_config.and_then(|limits| limits.max_points_count))
    };
    wait::until("the limit is that of the plan", DEADLINE, limit, |limit| *limit == Some(700)).await?;

    delete(&fixture, "Delete").await?;
    let exists = async || Ok(qdrant.collection_exists(&collection).await?);
    wait::until("the collection is deleted", DEADLINE, exists, |exists| !exists).await?;
    assert_eq!(alias_target(&qdrant, &alias).await?, None);
    Ok(())
}

/// A collection that is not ours is neither changed nor used, and of ours no immutable property is changed.
#[tokio::test]
async fn a_foreign_or_different_collection_is_left_alone() -> anyhow::Result<()> {
    let _running = SERVER.read().await;
    let qdrant = qdrant::client().await?;
    with_reason(&Fixture::with_tenant("not-foreign", objects::plan()).await?, "Ready").await?;
    let fixture = Fixture::new("foreign").await?;
    objects::create(&fixture.tenants, "Tenant", &fixture.slug, json!({"planRef": {"name": fixture.slug}}))
        .await?;
    let tenant = fixture.tenant_with_ready("False").await?; // its plan does not exist yet
    let uid = tenant.uid().unwrap_or_default();
    let name = format!("t-{}-minilm-v1", digest(&["vectors", &uid], 20));
    let vectors = VectorParamsBuilder::new(768, Distance::Dot);
    qdrant.create_collection(CreateCollectionBuilder::new(&name).vectors_config(vectors)).await?;
    objects::create(&fixture.plans, "Plan", &fixture.slug, dedicated()).await?;
    with_reason(&fixture, "CollectionNotOurs").await?;

    let shared = info(&qdrant, SHARED).await?.config.unwrap_or_default();
    let installation = text(&shared, "smbcopilot.dev/installation").unwrap_or_default();
    let mark = [
        ("smbcopilot.dev/installation".to_owned(), installation.into()),
        ("smbcopilot.dev/tenant-uid".to_owned(), uid.into()),
    ];
    let update = UpdateCollection {
        collection_name: name.clone(),
        hnsw_config: Some(HnswConfigDiff { m: Some(7), ..Default::default() }),
        metadata: mark.into(),
        ..Default::default()
    };
    qdrant.update_collection(update).await?;
    let tenant = with_reason(&fixture, "ImmutableFieldMismatch").await?;
    let message = condition(&tenant).map(|condition| condition.message.clone()).unwrap_or_default();
    assert!(
        message.contains("dense is no such vector, and the platform requires 384 dimensions"),
        "{message}"
    );
    let config = info(&qdrant, &name).await?.config.unwrap_or_default();
    assert_eq!(config.hnsw_config.and_then(|hnsw| hnsw.m), Some(7), "nothing is changed");
    fixture.tenant_with_ready("True").await?;
    Ok(())
}

/// Without Qdrant a tenant is ready except for its vectors, which follow when Qdrant is back.
#[tokio::test]
async fn a_tenant_is_ready_without_qdrant_and_gets_its_vectors_later() -> anyhow::Result<()> {
    let _alone = SERVER.write().await;
    let url = qdrant::ensure().await?;
    let stopped = qdrant::kill().await?;
    let fixture = Fixture::with_tenant("outage", dedicated()).await?;
    let tenant = with_reason(&fixture, "Unavailable").await?;
    assert_eq!(condition(&tenant).map(|ready| ready.status.as_str()), Some("False"));
    assert!(collection_of(&tenant).ends_with("-minilm-v1"), "the name is saved before its first use");
    fixture.tenant_with_ready("True").await?;
    stopped.start()?;
    let after = with_reason(&fixture, "Ready").await?;
    assert_eq!(collection_of(&after), collection_of(&tenant));
    assert_eq!(qdrant::ensure().await?, url);
    Ok(())
}

/// With the policy Delete, the points of a tenant are removed from the shared collection, and those of others are not.
/// With Retain nothing is removed.
#[tokio::test]
async fn points_of_a_deleted_tenant_are_removed_as_its_policy_says() -> anyhow::Result<()> {
    let _running = SERVER.read().await;
    let qdrant = qdrant::client().await?;
    let deleted = Fixture::with_tenant("points-delete", objects::plan()).await?;
    let retained = Fixture::with_tenant("points-retain", objects::plan()).await?;
    let mut tenants = Vec::new();
    for fixture in [&deleted, &retained] {
        let tenant = with_reason(fixture, "Ready").await?;
        write_point(&qdrant, SHARED, point_id(&tenant), &tenant).await?;
        assert_eq!(points_of(&qdrant, SHARED, &tenant).await?, 1);
        tenants.push(tenant);
    }
    delete(&deleted, "Delete").await?;
    delete(&retained, "Retain").await?;
    for fixture in [&deleted, &retained] {
        fixture.wait_until_tenant_deleted().await?;
    }
    assert_eq!(points_of(&qdrant, SHARED, &tenants[0]).await?, 0);
    assert_eq!(points_of(&qdrant, SHARED, &tenants[1]).await?, 1);
    Ok(())
}
