//! Tests of the worker with the real parser, a real Postgres and a directory as object storage.

use std::{path::PathBuf, time::Duration};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use telemetry::Registry;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Error, LEASE, Parser, ParserLimits, Worker, index};
use crate::{
    app::documents::content_name,
    auth::TenantScope,
    db::{
        MIGRATOR,
        testing::{app_pool, mirror_pool},
    },
    mirror::testing::store,
    objects::{Credentials, Location, Objects},
    project::testing::{plan, tenant, uid},
    store::{
        Limit, TenantTx,
        documents::{
            self, Document, DocumentStatus, Fields, NewContent, NewDocument, chunks, contents, jobs,
        },
    },
};

pub(super) const TEXT: &str = "# Handbook\n\n## Holidays\n\nEmployees have 28 days of holiday. Größe: 🦀.\n\n## Sick leave\n\nCall your manager.\n";

/// Database with the tenants acme and globex, an object storage, and a worker.
pub(super) struct Scene {
    pub(super) owner: PgPool,
    folder: PathBuf,
    pub(super) worker: Worker,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns the path of the program, which cargo builds beside this test.
fn program() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let program = deps.parent().and_then(|deps| deps.parent()).unwrap().join("document-parser");
    assert!(program.is_file(), "{} does not exist: cargo build -p document-parser", program.display());
    program
}

impl Scene {
    pub(super) async fn new(owner: &PgPool) -> Self {
        Self::with_limits(owner, json!({})).await
    }

    async fn with_limits(owner: &PgPool, limits: serde_json::Value) -> Self {
        let starter = plan("starter").spec("limits", limits).build();
        store(owner, [starter, tenant("acme").build(), tenant("globex").build()]).await;
        let folder = std::env::temp_dir().join(format!("smb-documents-{}", telemetry::ids::uuid_v7()));
        let objects = Objects::open(Location::Directory(folder.clone()), Credentials::default()).unwrap();
        let parser = Parser::new(program(), ParserLimits::default());
        let (app, mirror) = (app_pool(owner).await, mirror_pool(owner).await);
        let worker = Worker::new(app, mirror, objects, parser, &Registry::default());
        Self { owner: owner.clone(), folder, worker }
    }

    pub(super) async fn begin(&self, slug: &str) -> TenantTx {
        TenantTx::begin(&self.worker.app, TenantScope::for_tests(uid(slug))).await.unwrap()
    }

    /// Creates a document with a content, and returns its ID.
    pub(super) async fn upload(&self, slug: &str, file_name: &str, content: &[u8]) -> Uuid {
        let id = telemetry::ids::uuid_v7();
        let mut tx = self.begin(slug).await;
        let fields = Fields { file_name, metadata: &json!({}), tags: &[] };
        let document = NewDocument { id, uploaded_by: "anna@acme.example", declared_type: None, fields };
        documents::insert(&mut tx, &document).await.unwrap();
        tx.commit().await.unwrap();
        self.replace(slug, id, content).await;
        id
    }

    /// Replaces the content of a document.
    pub(super) async fn replace(&self, slug: &str, id: Uuid, content: &[u8]) {
        let mut tx = self.begin(slug).await;
        let bytes = i64::try_from(content.len()).unwrap();
        let version = contents::register(&mut tx, id, bytes, "text/plain").await.unwrap();
        let name = content_name(uid(slug), id, version);
        self.worker.objects.put(&name, content.to_vec().into(), "text/plain").await.unwrap();
        let sha256 = hex::encode(Sha256::digest(content));
        assert!(contents::complete(&mut tx, id, version, bytes, &sha256).await.unwrap());
        documents::set_content(&mut tx, id, NewContent { version, bytes, sha256: &sha256 }).await.unwrap();
        jobs::enqueue(&mut tx, id).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) async fn document(&self, slug: &str, id: Uuid) -> Option<Document> {
        documents::get(&mut self.begin(slug).await, id).await.unwrap()
    }

    pub(super) async fn chunks(&self, slug: &str, id: Uuid) -> Vec<chunks::Chunk> {
        let limit = Limit::new(100).unwrap();
        let found =
            chunks::pages(&mut self.begin(slug).await, &[id], chunks::PageStart::After(None), limit).await;
        found.unwrap().into_iter().map(|(_, chunk)| chunk).collect()
    }

    pub(super) async fn lease(&self) -> Option<jobs::Job> {
        jobs::lease(&self.worker.mirror, LEASE).await.unwrap()
    }

    /// Processes everything that is due.
    pub(super) async fn process_all(&self) {
        self.worker.process_all().await;
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.owner).await.unwrap()
    }

    pub(super) async fn status(&self, slug: &str, id: Uuid) -> (DocumentStatus, Option<String>) {
        let document = self.document(slug, id).await.unwrap();
        (document.status, document.error_code)
    }
}

/// Every chunk of a document is exactly the characters of the text that its positions name, and has its headings.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_is_ready_with_chunks_that_cite_its_text(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "handbook.md", TEXT.as_bytes()).await;
    scene.process_all().await;
    let document = scene.document("acme", id).await.unwrap();
    assert_eq!(
        (document.status, document.mime_type.as_deref()),
        (DocumentStatus::Ready, Some("text/markdown"))
    );
    let chunks = scene.chunks("acme", id).await;
    assert_eq!(i32::try_from(chunks.len()).unwrap(), document.chunk_count);
    let letters: Vec<char> = TEXT.chars().collect();
    for chunk in &chunks {
        let range = usize::try_from(chunk.starts_at).unwrap()..usize::try_from(chunk.ends_at).unwrap();
        assert_eq!(chunk.text, letters[range].iter().collect::<String>());
    }
    let holiday = chunks.iter().find(|chunk| chunk.text.contains("28 days")).unwrap();
    assert!(holiday.headings.iter().any(|heading| heading == "Handbook"), "{holiday:?}");
    assert_eq!(scene.count("select count(*) from document_jobs").await, 0);
    assert_eq!(
        scene.count("select chunks from document_usage where documents > 0").await,
        i64::from(document.chunk_count)
    );
}

/// A content that cannot be used makes its document fail with a code, and another document is read nevertheless.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_content_that_cannot_be_used_fails_alone(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let broken = scene.upload("acme", "broken.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog").await;
    let empty = scene.upload("acme", "empty.txt", b" \n ").await;
    let good = scene.upload("acme", "good.txt", b"A text.").await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", good).await, (DocumentStatus::Ready, None));
    assert_eq!(scene.status("acme", empty).await, (DocumentStatus::Failed, Some("EMPTY_TEXT".to_owned())));
    assert_eq!(scene.status("acme", broken).await.0, DocumentStatus::Failed);
    assert_eq!(scene.count("select count(*) from document_jobs").await, 0, "none of them is tried again");
}

/// One document is given to one worker, also if two look for it at once, and to another one when the lease has ended.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_has_one_worker(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    scene.upload("acme", "one.txt", b"A text.").await;
    let leases = futures::future::join_all((0..8).map(|_| scene.lease())).await;
    assert_eq!(leases.iter().flatten().count(), 1, "{leases:?}");
    let first = leases.into_iter().flatten().next().unwrap();
    sqlx::query("update document_jobs set leased_until = now()").execute(&owner).await.unwrap();
    let second = scene.lease().await.unwrap();
    assert_eq!((second.document_id, second.fence), (first.document_id, first.fence + 1));
    assert!(!jobs::extend(&scene.worker.mirror, first, LEASE).await.unwrap());
    assert!(jobs::extend(&scene.worker.mirror, second, LEASE).await.unwrap());
}

/// A worker that has lost its lease stores nothing, so that a late one does not replace newer chunks.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_late_worker_stores_nothing(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"The first text.").await;
    let late = scene.lease().await.unwrap();
    scene.replace("acme", id, b"The second text.").await;
    scene.process_all().await;
    let parsed = serde_json::from_value(json!({
        "mimeType": "text/plain", "text": "The first text.",
        "chunks": [{"ordinal": 0, "start": 0, "end": 15, "tokens": 3}],
    }));
    let scope = TenantScope::for_tests(uid("acme"));
    let content = index::Content::new(id, 1, parsed.unwrap()).unwrap();
    let stored = index::store(&scene.worker, scope, late, &content).await;
    assert!(matches!(stored, Err(Error::LeaseLost)), "{stored:?}");
    scene.worker.clone().execute(late, &CancellationToken::new()).await;
    let texts: Vec<_> = scene.chunks("acme", id).await.into_iter().map(|chunk| chunk.text).collect();
    assert_eq!(texts, ["The second text."]);
    assert_eq!(
        scene.count("select count(*) from document_contents").await,
        1,
        "the first content is deleted"
    );
}

/// A worker that is told to stop leaves its document to others at once, and spends no attempt on it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_worker_that_stops_releases_its_document(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    let (job, stop) = (scene.lease().await.unwrap(), CancellationToken::new());
    stop.cancel();
    scene.worker.clone().execute(job, &stop).await;
    let again = scene.lease().await.unwrap();
    assert_eq!((again.document_id, again.attempts), (id, 1));
}

/// While a part of the platform is down, documents wait and do not fail; they fail after the last attempt, and say what to do.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_waits_while_the_platform_is_broken(owner: PgPool) {
    let mut scene = Scene::new(&owner).await;
    let parser = scene.worker.parser.clone();
    scene.worker.parser = Parser::new("/nonexistent/document-parser".into(), ParserLimits::default());
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    let waiting = scene.upload("acme", "two.txt", b"Another text.").await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Pending, None));
    for _ in 0..4 {
        let due = "update document_jobs set due_at = now() where document_id = $1";
        sqlx::query(due).bind(id).execute(&owner).await.unwrap();
        scene.process_all().await;
    }
    assert_eq!(
        scene.status("acme", id).await,
        (DocumentStatus::Failed, Some("PARSER_UNAVAILABLE".to_owned()))
    );
    scene.worker.parser = parser;
    sqlx::query("update document_jobs set due_at = now()").execute(&owner).await.unwrap();
    scene.process_all().await;
    assert_eq!(scene.status("acme", waiting).await, (DocumentStatus::Ready, None));
    let document = scene.document("acme", id).await.unwrap();
    assert!(document.error_message.unwrap().contains("process the document again"));
}

/// A content that is missing in the object storage is reported at once.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_missing_content_is_reported(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    scene.worker.objects.delete(&content_name(uid("acme"), id, 1)).await.unwrap();
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Failed, Some("OBJECT_NOT_FOUND".to_owned())));
}

/// Tenants take turns, also if each document is finished before the next one is leased: a tenant with one document does not wait for the
/// earlier documents of others.
#[sqlx::test(migrator = "MIGRATOR")]
async fn tenants_take_turns(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    for number in 0..5 {
        scene.upload("acme", &format!("{number}.txt"), b"A text.").await;
    }
    let other = scene.upload("globex", "one.txt", b"A text.").await;
    let mut order = Vec::new();
    for _ in 0..3 {
        let job = scene.lease().await.unwrap();
        order.push(job.tenant_id);
        scene.worker.clone().execute(job, &CancellationToken::new()).await;
    }
    assert_eq!(order, [uid("acme"), uid("globex"), uid("acme")]);
    assert_eq!(scene.status("globex", other).await, (DocumentStatus::Ready, None));
}

/// A document that no worker survives fails, instead of killing workers for ever.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_document_that_kills_its_workers_fails(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    for _ in 0..5 {
        scene.lease().await.unwrap();
        sqlx::query("update document_jobs set leased_until = now()").execute(&owner).await.unwrap();
    }
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Failed, Some("PARSE_OOM".to_owned())));
}

/// A content that is not the one that was uploaded is not read.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_damaged_content_is_not_read(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    let name = content_name(uid("acme"), id, 1);
    scene.worker.objects.put(&name, b"Another.".as_slice().into(), "text/plain").await.unwrap();
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Failed, Some("OBJECT_NOT_FOUND".to_owned())));
}

/// A document is not deleted while one of its contents is on its way: the object would be left without a row that names it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_deletion_waits_for_an_upload(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    let mut tx = scene.begin("acme").await;
    assert_eq!(contents::register(&mut tx, id, 7, "text/plain").await.unwrap(), 2);
    documents::begin_deletion(&mut tx, id).await.unwrap();
    jobs::enqueue(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await.0, DocumentStatus::Deleting);
    let mut tx = scene.begin("acme").await;
    contents::remove(&mut tx, id, 2).await.unwrap();
    assert_eq!(contents::register(&mut tx, id, 7, "text/plain").await.unwrap(), 3, "no number is used again");
    contents::remove(&mut tx, id, 3).await.unwrap();
    tx.commit().await.unwrap();
    sqlx::query("update document_jobs set due_at = now()").execute(&owner).await.unwrap();
    scene.process_all().await;
    assert_eq!(scene.document("acme", id).await, None);
}

/// A chunk is never as large as its text, whatever the tokens of the text are.
#[sqlx::test(migrator = "MIGRATOR")]
async fn white_space_makes_no_large_chunk(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let text = format!("a{}b{}c", " ".repeat(3 << 20), "\u{2003}".repeat(1 << 20));
    let id = scene.upload("acme", "spaces.txt", text.as_bytes()).await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Ready, None));
    let texts: Vec<_> = scene.chunks("acme", id).await.into_iter().map(|chunk| chunk.text).collect();
    assert_eq!(texts.concat(), "abc", "{} chunks", texts.len());
}

/// The chunks of all documents of a tenant never exceed its plan, and a document that does not fit leaves none.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_plan_limits_the_chunks(owner: PgPool) {
    let scene = Scene::with_limits(&owner, json!({"chunks": 2})).await;
    let small = scene.upload("acme", "small.txt", b"A text.").await;
    let large =
        scene.upload("acme", "large.txt", "A sentence with seven words in it. ".repeat(500).as_bytes()).await;
    let neighbour = scene.upload("globex", "small.txt", b"A text.").await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", small).await.0, DocumentStatus::Ready);
    assert_eq!(scene.status("globex", neighbour).await.0, DocumentStatus::Ready);
    assert_eq!(
        scene.status("acme", large).await,
        (DocumentStatus::Failed, Some("QUOTA_EXCEEDED".to_owned()))
    );
    assert_eq!(scene.chunks("acme", large).await, []);
    let message = scene.document("acme", large).await.unwrap().error_message.unwrap();
    assert!(message.contains("its plan allows 2"), "{message}");
}

/// A deleted document leaves no content, chunk, job or count, also if it is deleted while it is being read.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_deleted_document_leaves_nothing(owner: PgPool) {
    let scene = Scene::new(&owner).await;
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    scene.process_all().await;
    scene.replace("acme", id, b"Another text.").await;
    let late = scene.lease().await.unwrap();
    let mut tx = scene.begin("acme").await;
    documents::begin_deletion(&mut tx, id).await.unwrap();
    jobs::enqueue(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    scene.process_all().await;
    scene.worker.clone().execute(late, &CancellationToken::new()).await;
    assert_eq!(scene.document("acme", id).await, None);
    let rows = "select (select count(*) from documents) + (select count(*) from document_contents)
                     + (select count(*) from document_chunks) + (select count(*) from document_jobs)";
    assert_eq!(scene.count(rows).await, 0);
    assert_eq!(scene.count("select (documents + bytes + chunks)::bigint from document_usage").await, 0);
    for version in [1, 2] {
        let name = content_name(uid("acme"), id, version);
        assert!(scene.worker.objects.get(&name).await.unwrap().is_none(), "{version}");
    }
}

/// A process that a document exhausts ends by its limits, and the document fails with the code of the limit.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_parser_without_time_is_ended(owner: PgPool) {
    let mut scene = Scene::new(&owner).await;
    let limits = ParserLimits { timeout: Duration::ZERO, ..ParserLimits::default() };
    scene.worker.parser = Parser::new(program(), limits);
    let id = scene.upload("acme", "one.txt", b"A text.").await;
    scene.process_all().await;
    assert_eq!(scene.status("acme", id).await, (DocumentStatus::Failed, Some("PARSE_TIMEOUT".to_owned())));
}
