//! Tests with Qdrant's own engine.

use embedder::bm25;
use serde_json::json;
use uuid::Uuid;

use super::{
    Attributes, Candidate, Failure, KnowledgeBase, LANGUAGE, Point, QueryVectors, Vectors,
    testing::{collection, unavailable, without_model},
};

const DOCUMENT: Uuid = Uuid::from_u128(7);
const OTHER_DOCUMENT: Uuid = Uuid::from_u128(8);

/// Two tenants whose points are in one collection.
struct Scene {
    vectors: Vectors,
    acme: KnowledgeBase,
    globex: KnowledgeBase,
}

impl Scene {
    async fn new() -> Self {
        let reported = collection().await["vectors"].take();
        let base = |uid| {
            KnowledgeBase::new(Uuid::from_u128(uid), serde_json::from_value(reported.clone()).unwrap())
                .unwrap()
        };
        Self { vectors: without_model(), acme: base(1), globex: base(2) }
    }

    /// Writes a point whose ID is a number.
    async fn write(&self, base: &KnowledgeBase, id: u128, document: Uuid, version: i32, text: &str) {
        let attributes = Attributes {
            tags: vec!["hr".to_owned()],
            mime_type: Some("text/plain".to_owned()),
            metadata: json!({}),
        };
        let point = Point {
            chunk: Uuid::from_u128(id),
            document,
            version,
            ordinal: 0,
            text,
            dense: None,
            attributes: &attributes,
        };
        self.vectors.upsert(base, &[point]).await.unwrap();
    }

    async fn search(&self, base: &KnowledgeBase, text: &str) -> Vec<Candidate> {
        let query = QueryVectors { dense: None, sparse: Some(bm25::query(text, LANGUAGE)) };
        self.vectors.query(&base.points(), query, 10).await.unwrap().sparse
    }

    async fn found(&self, base: &KnowledgeBase, text: &str) -> Vec<u128> {
        self.search(base, text).await.iter().map(|candidate| candidate.chunk.as_u128()).collect()
    }
}

/// Tenants in one collection never find, count or delete points of each other.
#[tokio::test]
async fn tenants_do_not_reach_points_of_each_other() {
    let scene = Scene::new().await;
    scene.write(&scene.acme, 1, DOCUMENT, 1, "days of holiday").await;
    scene.write(&scene.globex, 2, DOCUMENT, 1, "days of holiday").await;
    assert_eq!(scene.found(&scene.acme, "holidays").await, [1]);
    assert_eq!(scene.found(&scene.globex, "holidays").await, [2]);
    scene.vectors.delete(&scene.acme.points()).await.unwrap();
    assert_eq!(scene.vectors.count(&scene.acme.points()).await.unwrap(), 0);
    assert_eq!(scene.vectors.count(&scene.globex.points()).await.unwrap(), 1);
}

/// The score of a word depends on the points of the tenant alone, so that it says nothing about those of others.
#[tokio::test]
async fn scores_do_not_depend_on_other_tenants() {
    let scene = Scene::new().await;
    scene.write(&scene.acme, 1, DOCUMENT, 1, "days of holiday").await;
    scene.write(&scene.acme, 2, DOCUMENT, 1, "sick leave").await;
    let before = scene.search(&scene.acme, "holiday").await;
    for id in 10..20 {
        scene.write(&scene.globex, id, DOCUMENT, 1, "days of holiday").await;
    }
    assert_eq!(scene.search(&scene.acme, "holiday").await, before);
}

/// Points of other contents and of chunks that do not exist any more are deleted, and no others.
#[tokio::test]
async fn only_points_of_earlier_contents_are_deleted() {
    let scene = Scene::new().await;
    for (id, document, version) in
        [(1, DOCUMENT, 1), (2, DOCUMENT, 2), (3, DOCUMENT, 3), (4, OTHER_DOCUMENT, 1)]
    {
        scene.write(&scene.acme, id, document, version, "holiday").await;
    }
    scene.vectors.delete(&scene.acme.points_of(DOCUMENT).before(2)).await.unwrap();
    assert_eq!(scene.vectors.count(&scene.acme.points_of(DOCUMENT)).await.unwrap(), 2);
    scene.vectors.delete(&scene.acme.points_of(DOCUMENT).except(2, 1)).await.unwrap();
    let mut found = scene.found(&scene.acme, "holiday").await;
    found.sort_unstable();
    assert_eq!(found, [2, 4]);
    scene.vectors.delete(&scene.acme.points_of(DOCUMENT).except(2, 0)).await.unwrap();
    assert_eq!(scene.found(&scene.acme, "holiday").await, [4]);
}

/// Searches filter by the tags that a document has now.
#[tokio::test]
async fn changed_attributes_are_searched_by() {
    let scene = Scene::new().await;
    scene.write(&scene.acme, 1, DOCUMENT, 1, "holiday").await;
    let count = async |tag: &str| {
        let filter = scene.acme.points().tags(&[tag.to_owned(), "none".to_owned()]);
        scene.vectors.count(&filter.mime_types(&["text/plain".to_owned()])).await.unwrap()
    };
    assert_eq!((count("hr").await, count("sales").await), (1, 0));
    let attributes = Attributes {
        tags: vec!["sales".to_owned()],
        mime_type: Some("text/plain".to_owned()),
        metadata: json!({}),
    };
    scene.vectors.set_attributes(&scene.acme.points_of(DOCUMENT), &attributes).await.unwrap();
    assert_eq!((count("hr").await, count("sales").await), (0, 1));
}

/// A database that is down, and one that refuses a request, are told apart; a collection that does not exist has no points.
#[tokio::test]
async fn a_failure_says_whether_the_database_is_down() {
    let scene = Scene::new().await;
    let error = unavailable().count(&scene.acme.points()).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Unavailable(_)), "{error:?}");
    let query = QueryVectors { dense: Some(vec![1.0]), sparse: None };
    let error = scene.vectors.query(&scene.acme.points(), query, 10).await.unwrap_err();
    assert!(matches!(error.failure, Failure::Refused(_)), "{error:?}");
    let reported = json!({"model": "minilm", "collection": "missing"});
    let missing = KnowledgeBase::new(Uuid::from_u128(1), serde_json::from_value(reported).unwrap()).unwrap();
    assert_eq!(scene.vectors.count(&missing.points()).await.unwrap(), 0);
    scene.vectors.delete(&missing.points()).await.unwrap();
    let error = scene.vectors.upsert(&missing, &[]).await;
    assert!(error.is_ok(), "nothing is sent without points");
}
