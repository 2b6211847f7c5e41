//! Tests of the points that the worker writes, with Qdrant's own engine.

use serde_json::{Value, json};
use sqlx::{PgPool, types::Json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error,
    index::{self, Content},
    points,
    tests::{Scene, TEXT},
};
use crate::{
    app::documents::content_name,
    auth::TenantScope,
    db::MIGRATOR,
    project::testing::uid,
    store::{
        documents::{self, DocumentStatus, Fields, jobs},
        tenants,
    },
    vectors::{
        KnowledgeBase, PointFilter,
        testing::{Model, collection, dedicated_collection, unavailable},
    },
};

/// Returns a scene whose worker writes points to a collection that all tenants share.
async fn scene(owner: &PgPool) -> (Scene, Model) {
    scene_with(owner, collection().await).await
}

/// Returns a scene whose worker writes points to the collection that the status of all tenants names.
async fn scene_with(owner: &PgPool, reported: Value) -> (Scene, Model) {
    let (mut scene, model) = (Scene::new(owner).await, Model::default());
    scene.worker.vectors = Some(model.vectors().await);
    let reported = Json(reported);
    sqlx::query("update tenants set status = $1").bind(reported).execute(owner).await.unwrap();
    (scene, model)
}

async fn base(scene: &Scene, slug: &str) -> KnowledgeBase {
    tenants::knowledge_base(&mut scene.begin(slug).await).await.unwrap().unwrap()
}

async fn count(scene: &Scene, filter: PointFilter<'_>) -> usize {
    let count = scene.worker.vectors.as_ref().unwrap().count(&filter).await.unwrap();
    usize::try_from(count).unwrap()
}

/// Returns the numbers of points and chunks of a document of acme.
async fn points_and_chunks(scene: &Scene, id: Uuid) -> (usize, usize) {
    let base = base(scene, "acme").await;
    (count(scene, base.points_of(id)).await, scene.chunks("acme", id).await.len())
}

/// Returns what a worker has read of a content of acme.
async fn read(scene: &Scene, id: Uuid, version: i32) -> Content {
    let document = scene.document("acme", id).await.unwrap();
    let content = scene.worker.objects.get(&content_name(uid("acme"), id, version)).await.unwrap().unwrap();
    let protocol::parsing::Answer::Parsed(parsed) =
        scene.worker.parser.parse(&document, content).await.unwrap()
    else {
        panic!("the content cannot be read")
    };
    Content::new(id, version, parsed).unwrap()
}

async fn expire_leases(owner: &PgPool) {
    sqlx::query("update document_jobs set leased_until = now(), due_at = now()")
        .execute(owner)
        .await
        .unwrap();
}

fn scope() -> TenantScope {
    TenantScope::for_tests(uid("acme"))
}

/// A document that is ready has a point for each of its chunks, of its current content only.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_ready_document_has_a_point_for_each_chunk(owner: PgPool) {
    let (scene, model) = scene(&owner).await;
    let id = scene.upload("acme", "handbook.md", TEXT.as_bytes()).await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    let (points, chunks) = points_and_chunks(&scene, id).await;
    assert!(points > 1 && points == chunks, "{points} points, {chunks} chunks");
    assert!(model.requests() > 0);
    scene.replace("acme", id, b"One chunk.").await;
    scene.process_all().await;
    assert_eq!(points_and_chunks(&scene, id).await, (1, 1));
    assert_eq!(scene.count("select count(*) from document_jobs").await, 0);
}

/// A document can be replaced and processed again while the tenant has as many chunks as its collection has room for.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_is_replaced_in_a_full_collection(owner: PgPool) {
    let (scene, _model) = scene_with(&owner, dedicated_collection(1).await).await;
    let id = scene.upload("acme", "one.txt", b"The first text.").await;
    scene.process_all().await;
    scene.replace("acme", id, b"The second text.").await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    assert_eq!(points_and_chunks(&scene, id).await, (1, 1));
    let mut tx = scene.begin("acme").await;
    documents::mark_pending(&mut tx, id).await.unwrap();
    jobs::enqueue(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    assert_eq!(points_and_chunks(&scene, id).await, (1, 1));
}

/// A worker that dies between its steps leaves the document to another one, after which points and chunks are equal.
#[sqlx::test(migrator = "MIGRATOR")]
async fn points_are_equal_to_chunks_after_a_worker_has_died(owner: PgPool) {
    let (scene, _model) = scene(&owner).await;
    let id = scene.upload("acme", "handbook.md", TEXT.as_bytes()).await;
    scene.process_all().await;
    scene.replace("acme", id, b"One chunk.").await;
    // The first worker dies after it has written points.
    let job = scene.lease().await.unwrap();
    let (document, content) = (scene.document("acme", id).await.unwrap(), read(&scene, id, 2).await);
    points::write(&scene.worker, scope(), job, &document, &content).await.unwrap();
    let (points, chunks) = points_and_chunks(&scene, id).await;
    assert_eq!(points, chunks + 1, "the points of both contents");
    expire_leases(&owner).await;
    // The second worker dies after the document is ready.
    let job = scene.lease().await.unwrap();
    points::write(&scene.worker, scope(), job, &document, &content).await.unwrap();
    index::store(&scene.worker, scope(), job, &content).await.unwrap();
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    assert!(points_and_chunks(&scene, id).await.0 > 1);
    expire_leases(&owner).await;
    scene.process_all().await;
    assert_eq!(points_and_chunks(&scene, id).await, (1, 1));
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    assert_eq!(scene.count("select count(*) from document_jobs").await, 0);
}

/// A deleted document has no points, also if a worker was about to write some, and those of other tenants remain.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_deleted_document_has_no_points(owner: PgPool) {
    let (mut scene, _model) = scene(&owner).await;
    let id = scene.upload("acme", "handbook.md", TEXT.as_bytes()).await;
    scene.upload("globex", "handbook.md", TEXT.as_bytes()).await;
    scene.process_all().await;
    scene.replace("acme", id, b"Another text.").await;
    let late = scene.lease().await.unwrap();
    let (document, content) = (scene.document("acme", id).await.unwrap(), read(&scene, id, 2).await);
    let mut tx = scene.begin("acme").await;
    documents::begin_deletion(&mut tx, id).await.unwrap();
    jobs::enqueue(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    // Without the vector database, nothing is deleted, and the deletion is repeated.
    let vectors = scene.worker.vectors.replace(unavailable());
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await.0, DocumentStatus::Deleting);
    scene.worker.vectors = vectors;
    expire_leases(&owner).await;
    scene.process_all().await;
    let written = points::write(&scene.worker, scope(), late, &document, &content).await;
    assert!(matches!(written, Err(Error::LeaseLost)), "{written:?}");
    scene.worker.clone().execute(late, &CancellationToken::new()).await;
    assert_eq!(scene.document("acme", id).await, None);
    assert_eq!(count(&scene, base(&scene, "acme").await.points()).await, 0);
    assert!(count(&scene, base(&scene, "globex").await.points()).await > 1);
}

/// A worker that has written points of a replaced or deleted document after it has lost its lease deletes them.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_late_worker_deletes_its_points(owner: PgPool) {
    let (scene, _model) = scene(&owner).await;
    let id = scene.upload("acme", "one.txt", b"The first text.").await;
    let late = scene.lease().await.unwrap();
    let (document, content) = (scene.document("acme", id).await.unwrap(), read(&scene, id, 1).await);
    points::write(&scene.worker, scope(), late, &document, &content).await.unwrap();
    scene.replace("acme", id, b"The second text.").await;
    points::discard_late(&scene.worker, late).await;
    assert_eq!(points_and_chunks(&scene, id).await, (0, 0));
    scene.process_all().await;
    points::discard_late(&scene.worker, late).await;
    assert_eq!(points_and_chunks(&scene, id).await, (1, 1), "the points of the second content remain");
}

/// While the embedding model or the vector database is down, documents wait and do not fail; they are ready after it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_waits_for_the_model_and_the_database(owner: PgPool) {
    let (mut scene, model) = scene(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    model.set_down(true);
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Pending, None));
    assert_eq!(points_and_chunks(&scene, id).await, (0, 0));
    model.set_down(false);
    let vectors = scene.worker.vectors.replace(unavailable());
    expire_leases(&owner).await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Pending, None));
    scene.worker.vectors = vectors;
    expire_leases(&owner).await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    assert_eq!(points_and_chunks(&scene, id).await, (1, 1));
}

/// A text that the embedding model refuses makes its document fail at once, without points.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_refused_text_fails_at_once(owner: PgPool) {
    let (scene, model) = scene(&owner).await;
    model.refuse();
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    scene.process_all().await;
    let failed = (DocumentStatus::Failed, Some("EMBEDDER_REJECTED".to_owned()));
    assert_eq!(scene.status("acme", id).await, failed);
    assert_eq!(points_and_chunks(&scene, id).await, (0, 0));
    assert_eq!(scene.count("select count(*) from document_jobs").await, 0);
}

/// A document of a tenant whose collection is not set up waits, and fails with what to do after the last attempt.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_waits_for_the_collection(owner: PgPool) {
    let (scene, _model) = scene(&owner).await;
    sqlx::query("update tenants set status = '{}'").execute(&owner).await.unwrap();
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Pending, None));
    for _ in 0..4 {
        expire_leases(&owner).await;
        scene.process_all().await;
    }
    assert_eq!(
        scene.status("acme", id).await,
        (DocumentStatus::Failed, Some("INDEX_UNAVAILABLE".to_owned()))
    );
    let message = scene.document("acme", id).await.unwrap().error_message.unwrap();
    assert!(message.contains("VectorStoreReady"), "{message}");
}

/// The points of a document have its tags after each change, also after one that happens while a worker reads the content.
#[sqlx::test(migrator = "MIGRATOR")]
async fn points_have_the_tags_of_their_document(owner: PgPool) {
    let (scene, model) = scene(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    let job = scene.lease().await.unwrap();
    let (document, content) = (scene.document("acme", id).await.unwrap(), read(&scene, id, 1).await);
    let written = points::write(&scene.worker, scope(), job, &document, &content).await.unwrap();
    set_tags(&scene, id, &["hr".to_owned()]).await;
    index::store(&scene.worker, scope(), job, &content).await.unwrap();
    points::finish(&scene.worker, scope(), job, written).await.unwrap();
    let base = base(&scene, "acme").await;
    let tagged = async |tag: &str| count(&scene, base.points().tags(&[tag.to_owned()])).await;
    assert_eq!(tagged("hr").await, 1);
    let requests = model.requests();
    set_tags(&scene, id, &["sales".to_owned()]).await;
    let mut tx = scene.begin("acme").await;
    jobs::enqueue(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    scene.process_all().await;
    assert_eq!((tagged("hr").await, tagged("sales").await), (0, 1));
    assert_eq!(model.requests(), requests, "no text is embedded again");
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
}

async fn set_tags(scene: &Scene, id: Uuid, tags: &[String]) {
    let mut tx = scene.begin("acme").await;
    let fields = Fields { file_name: "one.txt", metadata: &json!({"year": 2026}), tags };
    documents::update(&mut tx, id, fields).await.unwrap();
    tx.commit().await.unwrap();
}
