//! Deletion of the data of deleted tenants.

use std::path::Path;

use serde_json::json;
use sqlx::PgPool;

use super::{
    Exported, Scene, archived, content, document_content,
    exporting::{ONE_ROW, replica},
    store_data, store_output,
};
use crate::{
    db::MIGRATOR,
    mirror::testing::{delete, store},
    project::testing::{Fixture, run, tenant},
    tenant_end::{Error, task::TenantWork as _},
};

const WAITING: &str = "DeletingData";

/// Returns a tenant that is being deleted, whose data the operator waits for.
fn deleted(tenant: Fixture, version: i64) -> Fixture {
    let reconciling = json!({"type": "Reconciling", "status": "True", "reason": WAITING, "message": "",
                             "lastTransitionTime": "2026-11-24T09:00:00Z"});
    let status =
        json!({"archivedAt": super::ARCHIVED_AT, "phase": "Terminating", "conditions": [reconciling]});
    tenant.version(version).spec("deletionPolicy", json!("Delete")).deleting().status(status)
}

fn confirmed(version: i64) -> Fixture {
    deleted(tenant("acme"), version).annotation("smbcopilot.dev/confirm-delete", "acme")
}

/// Stores a run whose object does not exist in Kubernetes any more.
async fn store_record(scene: &Scene, slug: &str) {
    let old = run(slug, "invoices", &format!("{slug}-old")).version(7).phase("Failed").build();
    store(&scene.owner, [old.clone()]).await;
    delete(&scene.owner, &old, 8).await;
}

const RECORDS: &str = "select count(*) from workflow_runs where not live";
const OUTPUTS: &str = "select count(*) from stored_outputs";

/// The stored outputs and records of a deleted tenant are deleted, those of others are not, and what arrives later is deleted by a
/// sweep after the tenant.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_data_of_a_deleted_tenant_is_deleted_and_that_of_others_is_not(owner: PgPool) {
    let scene = Scene::new(&owner, tenant("acme").version(3)).await;
    store(&owner, [tenant("globex").build()]).await;
    let mut outputs = Vec::new();
    for slug in ["acme", "globex"] {
        outputs.push(store_data(&scene, slug).await);
        store_record(&scene, slug).await;
    }
    assert!(!scene.delete().await.unwrap(), "nobody deletes the tenant");
    scene.apply(confirmed(20)).await;
    assert!(scene.delete().await.unwrap());
    let condition = scene.condition("DataDeleted").unwrap();
    assert_eq!(
        condition,
        "True Deleted: deleted 1 stored outputs, 2 documents, 1 records of runs and 1 logs"
    );
    let audited: Vec<String> = sqlx::query_scalar(
        "select coalesce(action, outcome || ' ' || object_name) from audit_events where tenant_id = $1 order by seq",
    )
    .bind(crate::project::testing::uid("acme"))
    .fetch_all(&owner)
    .await
    .unwrap();
    assert_eq!(audited, ["tenant.data.delete", "SUCCEEDED acme"], "the audit log outlives the data");
    assert!(!scene.delete().await.unwrap(), "nothing is left to do");
    assert_eq!((scene.count(RECORDS).await, scene.count(OUTPUTS).await), (1, 1));
    assert_eq!(scene.count("select count(*) from run_logs").await, 1);
    let documents = "select (select count(*) from documents) + (select count(*) from document_contents)
                          + (select count(*) from document_chunks) + (select count(*) from document_jobs)";
    assert_eq!(scene.count(documents).await, 5, "those of globex");
    assert_eq!(content(scene.objects(), &document_content("acme")).await, None);
    assert!(content(scene.objects(), &document_content("globex")).await.is_some());
    assert_eq!(content(scene.objects(), &outputs[0].to_string()).await, None);
    assert!(content(scene.objects(), &outputs[1].to_string()).await.is_some());
    assert_eq!(scene.count("select count(*) from workflow_runs where live").await, 2, "their objects exist");

    let gone = confirmed(30).build();
    let late = run("acme", "acme-workflow", "acme-run").version(6).build();
    delete(&owner, &late, 31).await;
    delete(&owner, &gone, 32).await;
    let sweeper = crate::retention::Sweeper::new(
        scene.resources.mirror.clone(),
        scene.resources.objects.clone(),
        &telemetry::Registry::default(),
    );
    sweeper.sweep("2026-11-24T09:00:00Z".parse().unwrap()).await.unwrap();
    let left: Vec<String> =
        sqlx::query_scalar("select name from workflow_runs order by name").fetch_all(&owner).await.unwrap();
    assert_eq!(left, ["globex-old", "globex-run"]);
}

/// A deletion that was interrupted by a failure of the object storage says so, and continues when it is repeated.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_interrupted_deletion_continues(owner: PgPool) {
    let scene = Scene::new(&owner, tenant("acme").version(3)).await;
    store_data(&scene, "acme").await;
    store_record(&scene, "acme").await;
    let stuck = store_output(&scene, "acme", "acme-run", "b").await;
    let path = scene.directory.join(stuck.to_string());
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir_all(path.join("not-a-file")).unwrap();
    scene.apply(confirmed(20)).await;
    for _ in 0..2 {
        assert!(matches!(scene.delete().await, Err(Error::Purge(_))));
        let condition = scene.condition("DataDeleted").unwrap();
        assert!(condition.starts_with("False ObjectStorageUnavailable: "), "{condition}");
        assert_eq!(
            (scene.count(OUTPUTS).await, scene.count(RECORDS).await),
            (1, 1),
            "outputs go before rows"
        );
    }
    std::fs::remove_dir_all(&path).unwrap();
    scene.delete().await.unwrap();
    assert!(scene.condition("DataDeleted").unwrap().starts_with("True Deleted: "));
    assert_eq!((scene.count(OUTPUTS).await, scene.count(RECORDS).await), (0, 0));
}

/// Without object storage, a tenant with stored outputs or documents is not said to be deleted, and one without is.
#[sqlx::test(migrator = "MIGRATOR")]
async fn without_object_storage_only_a_tenant_without_outputs_is_deleted(owner: PgPool) {
    let mut scene = Scene::new(&owner, tenant("acme").version(3)).await;
    store_data(&scene, "acme").await;
    scene.apply(confirmed(20)).await;
    scene.resources.objects = None;
    assert!(scene.delete().await.is_err());
    assert!(scene.condition("DataDeleted").unwrap().starts_with("False ObjectStorageNotConfigured: "));
    sqlx::query("delete from stored_outputs").execute(&owner).await.unwrap();
    assert!(scene.delete().await.is_err(), "a document has content");
    sqlx::query("delete from document_contents").execute(&owner).await.unwrap();
    scene.delete().await.unwrap();
    assert!(scene.condition("DataDeleted").unwrap().starts_with("True "));
}

/// What the operator writes is not enough: a tenant that is neither confirmed nor archived keeps its data.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_unconfirmed_deletion_deletes_nothing(owner: PgPool) {
    let scene = Scene::new(&owner, tenant("acme").version(3)).await;
    store_record(&scene, "acme").await;
    scene.apply(deleted(tenant("acme"), 20)).await;
    scene.delete().await.unwrap();
    assert!(scene.condition("DataDeleted").unwrap().starts_with("False NotConfirmed: "));
    assert_eq!(scene.count(RECORDS).await, 1);
    assert_eq!(scene.count("select count(*) from tenant_deletions").await, 0);
    scene.apply(confirmed(40)).await;
    scene.delete().await.unwrap();
    assert_eq!(scene.count(RECORDS).await, 0);
}

/// The data of an archived tenant is deleted after its export, which remains.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_archived_tenant_is_deleted_after_its_export_which_remains(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    let output = store_data(&scene, "acme").await;
    store_record(&scene, "acme").await;
    scene.apply(deleted(archived(), 20)).await;
    assert!(matches!(scene.delete().await, Err(Error::WaitsForExport)));
    assert!(scene.condition("DataDeleted").unwrap().starts_with("False WaitingForExport: "));
    assert_eq!(scene.count(RECORDS).await, 1);
    scene.advance().await.unwrap();
    scene.delete().await.unwrap();
    assert!(scene.condition("DataDeleted").unwrap().starts_with("True Deleted: "));
    assert_eq!((scene.count(OUTPUTS).await, scene.count(RECORDS).await), (0, 0));
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    assert_eq!(exported.values("runs", "name").len(), 2);
    let copy = format!("{}outputs/{}/{}", exported.folder, output.run, output.sha256());
    assert!(content(scene.objects(), &copy).await.is_some());
}

/// When the policy becomes Retain before the data is deleted, nothing of it is, also not after the tenant.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_tenant_that_is_retained_in_time_keeps_its_data(owner: PgPool) {
    let mut scene = Scene::new(&owner, tenant("acme").version(3)).await;
    store_data(&scene, "acme").await;
    store_record(&scene, "acme").await;
    scene.apply(confirmed(20)).await;
    let objects = scene.resources.objects.take();
    assert!(scene.delete().await.is_err());
    scene.resources.objects = objects;
    let retained = confirmed(40).spec("deletionPolicy", json!("Retain"));
    scene.apply(retained.clone()).await;
    scene.delete().await.unwrap();
    delete(&owner, &retained.build(), 90).await;
    let sweeper = crate::retention::Sweeper::new(
        scene.resources.mirror.clone(),
        scene.resources.objects.clone(),
        &telemetry::Registry::default(),
    );
    sweeper.sweep("2026-11-24T09:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!((scene.count(RECORDS).await, scene.count(OUTPUTS).await), (1, 1));
}

/// A tenant that the mirror could not store has no data, and its deletion is not blocked.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_tenant_that_is_not_stored_can_be_deleted(owner: PgPool) {
    let scene = Scene::new(&owner, confirmed(20).spec("planRef", json!("none"))).await;
    assert_eq!(scene.count("select count(*) from tenants").await, 0);
    let valid = confirmed(20).build().raw;
    scene.kubernetes.set(valid);
    let due = scene.deletions().due().await.unwrap().tasks;
    scene.deletions().execute(&due[0]).await.unwrap();
    let condition = scene.condition("DataDeleted").unwrap();
    assert_eq!(condition, "True Deleted: the database has no records of the tenant");
}

/// Returns the number of files in a directory and below; 0 if it does not exist.
fn files_below(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// Copies of stored outputs that no file names, since the export was interrupted before, are deleted with the tenant's data.
#[sqlx::test(migrator = "MIGRATOR")]
async fn copies_of_an_interrupted_export_are_deleted_with_the_data(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    let output = store_data(&scene, "acme").await;
    let copy =
        format!("{}outputs/copy", super::super::export::folder("acme", scene.archiving().await.export_id));
    replica(&scene, ONE_ROW, async |export| export.write_next().await.unwrap()).await;
    scene.objects().copy(&output.to_string(), &copy).await.unwrap();
    sqlx::query("delete from tenant_export_files").execute(&owner).await.unwrap();
    // Active again, and so without an archiving.
    scene.apply(confirmed(20)).await;
    scene.delete().await.unwrap();
    assert!(scene.condition("DataDeleted").unwrap().starts_with("True Deleted: "));
    assert_eq!(files_below(&scene.directory.join("exports")), 0);
    assert_eq!(scene.count("select count(*) from tenant_exports").await, 0);
}

/// An export that goes on while the data of its tenant is deleted leaves nothing.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_export_beside_the_deletion_of_the_data_leaves_nothing(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    let output = store_data(&scene, "acme").await;
    let copy =
        format!("{}outputs/copy", super::super::export::folder("acme", scene.archiving().await.export_id));
    replica(&scene, ONE_ROW, async |export| {
        export.write_next().await.unwrap();
        let bytes = content(scene.objects(), &output.to_string()).await.unwrap();
        scene.apply(deleted(archived(), 20).annotation("smbcopilot.dev/confirm-delete", "acme")).await;
        scene.delete().await.unwrap();
        scene.objects().put(&copy, bytes.into(), "text/plain").await.unwrap();
        assert!(matches!(export.write_next().await, Err(Error::Superseded)));
    })
    .await;
    assert_eq!(files_below(&scene.directory.join("exports")), 0);
}
