//! Vectors of tenants, without the API key, which only operator and api-server have.

use qdrant_client::{
    Qdrant,
    qdrant::{CountPointsBuilder, ScrollPointsBuilder},
};
use tests::{docs::section, qdrant_process};

use super::{PAGE, tenants};

/// Nobody reads, writes or deletes the vectors of a tenant without the API key, whether its collection is shared or dedicated. With
/// the key, each of the same requests succeeds.
#[tokio::test]
async fn nobody_reaches_vectors_without_the_key() -> anyhow::Result<()> {
    let with_key = qdrant_process::client().await?;
    let without_key = Qdrant::from_url(&qdrant_process::url()?).skip_compatibility_check().build()?;
    let with_wrong_key =
        Qdrant::from_url(&qdrant_process::url()?).api_key("guessed").skip_compatibility_check().build()?;
    for tenant in tenants::create().await? {
        let fixture = &tenant.fixture;
        fixture.tenant_with_reason("VectorStoreReady", "Ready").await?;
        let status = fixture.tenants.get(&fixture.slug).await?.status.unwrap_or_default();
        let collection = status.vectors.and_then(|vectors| vectors.collection).unwrap_or_default();
        let attempts = async |qdrant: &Qdrant| {
            let collection = collection.as_str();
            [
                qdrant.list_collections().await.is_ok(),
                qdrant.collection_info(collection).await.is_ok(),
                qdrant.count(CountPointsBuilder::new(collection)).await.is_ok(),
                qdrant.scroll(ScrollPointsBuilder::new(collection)).await.is_ok(),
            ]
        };
        assert_eq!(attempts(&with_key).await, [true; 4], "{collection}");
        assert_eq!(attempts(&without_key).await, [false; 4], "{collection}");
        assert_eq!(attempts(&with_wrong_key).await, [false; 4], "{collection}");
        let deleted = without_key.delete_collection(collection.as_str()).await;
        assert!(deleted.is_err() && with_key.collection_exists(collection.as_str()).await?, "{collection}");
    }
    let executed = "| request | with the key | without it, or with another one |\n| --- | --- | --- |\n\
        | list the collections, read a collection, count its points, read its points | permitted | refused |\n\
        | delete a collection | not executed | refused |";
    section::check(PAGE, "vectors", executed)
}
