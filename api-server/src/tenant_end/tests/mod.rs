//! Tests of the end of tenants, with a real Postgres, a directory as object storage, and a fake of the Kubernetes API. The tests in
//! `tests/tenant_end` have a real API server and a real operator.

mod deletion;
mod exporting;
mod kubernetes;
mod purge;

use std::path::PathBuf;

use serde_json::{Value, json};
use sqlx::PgPool;
use telemetry::Registry;
use uuid::Uuid;

use self::kubernetes::Kubernetes;
use super::{
    Error, Resources,
    archiving::{Archiving, Archivings},
    deletion::Deletions,
    metrics::Metrics,
    task::{Task, TenantWork as _},
};
use crate::{
    app::documents::content_name,
    db::{
        MirrorPool,
        testing::{app_pool, mirror_pool},
    },
    mirror::testing::store,
    objects::{Credentials, Location, Objects, OutputName},
    project::testing::{Fixture, run, tenant, uid, workflow},
};

const ARCHIVED_AT: &str = "2026-11-24T08:00:00Z";

/// The tenant acme in Kubernetes, Postgres and object storage.
struct Scene {
    owner: PgPool,
    directory: PathBuf,
    resources: Resources,
    kubernetes: Kubernetes,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
        let _ = std::fs::remove_file(&self.directory);
    }
}

impl Scene {
    async fn new(owner: &PgPool, tenant: Fixture) -> Self {
        let directory = std::env::temp_dir().join(format!("smb-exports-{}", telemetry::ids::uuid_v7()));
        let objects = Objects::open(Location::Directory(directory.clone()), Credentials::default()).unwrap();
        let kubernetes = Kubernetes::new();
        let resources = Resources {
            client: kubernetes.client(),
            app: app_pool(owner).await,
            mirror: mirror_pool(owner).await,
            objects: Some(objects),
        };
        let scene = Self { owner: owner.clone(), directory, resources, kubernetes };
        scene.apply(tenant).await;
        scene
    }

    /// Changes the tenant in Kubernetes and mirrors it.
    async fn apply(&self, tenant: Fixture) {
        self.kubernetes.set(tenant.build().raw);
        self.mirror().await;
    }

    /// Stores the tenant as it is in Kubernetes.
    async fn mirror(&self) {
        let raw = self.kubernetes.tenant();
        store(&self.owner, [crate::project::Object::new(crate::project::Kind::Tenant, raw).unwrap()]).await;
    }

    fn pool(&self) -> &MirrorPool {
        &self.resources.mirror
    }

    fn objects(&self) -> &Objects {
        self.resources.objects.as_ref().unwrap()
    }

    fn archivings(&self) -> Archivings {
        Archivings { resources: self.resources.clone(), metrics: Metrics::registered(&Registry::default()) }
    }

    fn deletions(&self) -> Deletions {
        Deletions { resources: self.resources.clone(), metrics: Metrics::registered(&Registry::default()) }
    }

    async fn archiving(&self) -> Archiving {
        Archiving::find(self.pool(), uid("acme")).await.unwrap().unwrap()
    }

    /// Executes what is due for archived tenants, and mirrors the result. Returns whether anything was due.
    async fn advance(&self) -> Result<bool, Error> {
        let due = self.archivings().due().await?.tasks;
        for task in &due {
            assert_eq!(task.tenant, uid("acme"));
            let executed = self.archivings().execute(task).await;
            self.mirror().await;
            executed?;
        }
        Ok(!due.is_empty())
    }

    /// Executes what is due for deleted tenants, and mirrors the result. Returns whether anything was due.
    async fn delete(&self) -> Result<bool, Error> {
        let due: Vec<Task> = self.deletions().due().await?.tasks;
        for task in &due {
            let executed = self.deletions().execute(task).await;
            self.mirror().await;
            executed?;
        }
        Ok(!due.is_empty())
    }

    /// Returns a condition of the tenant as `Status Reason: message`.
    fn condition(&self, kind: &str) -> Option<String> {
        let tenant = self.kubernetes.tenant();
        let conditions = tenant["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.iter().find(|condition| condition["type"] == kind)?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Some(format!("{} {}: {}", text("status"), text("reason"), text("message")))
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.owner).await.unwrap()
    }
}

/// Returns the archived tenant acme.
fn archived() -> Fixture {
    tenant("acme").version(3).spec("state", json!("Archived")).status(json!({"archivedAt": ARCHIVED_AT}))
}

/// Stores a workflow, a finished run with a log of two lines, and an output of it in object storage.
async fn store_data(scene: &Scene, slug: &str) -> OutputName {
    let name = format!("{slug}-run");
    let finished = json!({"phase": "Succeeded", "output": format!("output of {slug}"), "finishedAt": "2026-11-24T08:00:09Z"});
    store(
        &scene.owner,
        [
            workflow(slug, &format!("{slug}-workflow")).version(5).build(),
            run(slug, &format!("{slug}-workflow"), &name).version(6).status(finished).build(),
        ],
    )
    .await;
    for chunk in 1..=2 {
        sqlx::query(
            "insert into run_log_chunks select tenant_id, id, $2, $3 from workflow_runs where name = $1",
        )
        .bind(&name)
        .bind(chunk)
        .bind(crate::db::Json(json!({"text": format!("line {chunk} of {slug}")})))
        .execute(&scene.owner)
        .await
        .unwrap();
    }
    sqlx::query("insert into run_logs select tenant_id, id, 2, 9, false, '{}', now() from workflow_runs where name = $1")
        .bind(&name)
        .execute(&scene.owner)
        .await
        .unwrap();
    store_picture(scene, slug).await;
    store_document(scene, slug).await;
    store_output(scene, slug, &name, "a").await
}

/// Returns the name of the content of the document of a tenant.
fn document_content(slug: &str) -> String {
    content_name(uid(slug), uid(&format!("{slug} document")), 1)
}

/// Stores a document with its content, one chunk and a job, and a document without content.
async fn store_document(scene: &Scene, slug: &str) {
    let (document, empty) = (uid(&format!("{slug} document")), uid(&format!("{slug} empty document")));
    let statements = [
        "insert into documents (id, tenant_id, uploaded_by, file_name, status, content_version, indexed_version, size_bytes, content_sha256)
         values ($1, $3, 'anna@acme.example', 'handbook.txt', 'READY', 1, 1, 8, repeat('0', 64)), ($2, $3, 'anna@acme.example', 'empty.txt',
           'PENDING', null, null, null, null)",
        "insert into document_contents (tenant_id, document_id, content_version, bytes, sha256, media_type)
         select $3, $1, 1, 8, repeat('0', 64), 'text/plain' where $2::uuid is not null",
        "insert into document_chunks (id, tenant_id, document_id, content_version, ordinal, text, starts_at, ends_at, tokens)
         select gen_random_uuid(), $3, $1, 1, 0, 'chunk of ' || slug, 0, 8, 2 from tenants where id = $3 and $2::uuid is not null",
        "insert into document_jobs (tenant_id, document_id) select $3, $1 where $2::uuid is not null",
    ];
    for statement in statements {
        sqlx::query(statement)
            .bind(document)
            .bind(empty)
            .bind(uid(slug))
            .execute(&scene.owner)
            .await
            .unwrap();
    }
    let content = axum::body::Bytes::from(format!("content of {slug}"));
    scene.objects().put(&document_content(slug), content, "text/plain").await.unwrap();
}

/// Returns the picture of the user of a tenant, which is longer than a line of base64.
fn picture(slug: &str) -> Vec<u8> {
    format!("picture of {slug} ").repeat(9).into_bytes()
}

/// Stores a user with an uploaded picture.
async fn store_picture(scene: &Scene, slug: &str) {
    let insert = "with added as (
         insert into users (id, tenant_id, email, email_key, status)
         values (gen_random_uuid(), $1, $2, $2, 'INVITED') returning id
       )
       insert into user_pictures (tenant_id, user_id, png, sha256) select $1, id, $3, encode(sha256($3), 'hex') from added";
    let insert = sqlx::query(insert).bind(uid(slug)).bind(format!("dora@{slug}.example"));
    insert.bind(picture(slug)).execute(&scene.owner).await.unwrap();
}

/// Stores an output of a run in object storage.
async fn store_output(scene: &Scene, slug: &str, run: &str, digit: &str) -> OutputName {
    let output = OutputName::new(uid(slug), uid(run), &digit.repeat(64)).unwrap();
    scene
        .objects()
        .put(&output.to_string(), format!("large output of {slug}").into(), "text/plain")
        .await
        .unwrap();
    sqlx::query(
        "insert into stored_outputs values ($1, $2, $3, $4, 20, 'text/plain', '2026-11-24T08:00:00Z')",
    )
    .bind(output.tenant)
    .bind(output.run)
    .bind(output.sha256())
    .bind(output.uri())
    .execute(&scene.owner)
    .await
    .unwrap();
    output
}

/// Returns the content of an object; `None` if it does not exist.
async fn content(objects: &Objects, name: &str) -> Option<Vec<u8>> {
    let found = objects.get(name).await.unwrap()?;
    Some(
        axum::body::to_bytes(axum::body::Body::from_stream(found.stream), usize::MAX).await.unwrap().to_vec(),
    )
}

/// An export as its readers see it.
struct Exported {
    folder: String,
    manifest: Value,
    /// The rows of each file, in the order of the manifest.
    rows: Vec<(String, Value)>,
}

impl Exported {
    /// Reads an export, and checks that each file has the number of rows and the digest that the manifest says.
    async fn read(scene: &Scene, export_id: Uuid) -> Option<Self> {
        use sha2::Digest as _;
        let folder = super::export::folder("acme", export_id);
        let manifest = content(scene.objects(), &format!("{folder}manifest.json")).await?;
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let mut rows = Vec::new();
        for file in manifest["files"].as_array().unwrap() {
            let name = file["name"].as_str().unwrap();
            let bytes = content(scene.objects(), &format!("{folder}{name}")).await.unwrap();
            assert_eq!(file["sha256"], hex::encode(sha2::Sha256::digest(&bytes)));
            assert_eq!(file["bytes"], bytes.len());
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(file["rows"], text.lines().count());
            let kind = file["kind"].as_str().unwrap();
            rows.extend(text.lines().map(|line| (kind.to_owned(), serde_json::from_str(line).unwrap())));
        }
        Some(Self { folder, manifest, rows })
    }

    /// Returns a field of all rows of a kind.
    fn values(&self, kind: &str, field: &str) -> Vec<Value> {
        self.rows.iter().filter(|(of, _)| of == kind).map(|(_, row)| row[field].clone()).collect()
    }
}
