//! What an export contains, and what happens when it is interrupted.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;
use telemetry::Registry;

use super::{Exported, Scene, archived, content, picture, store_data, store_output};
use crate::{
    db::MIGRATOR,
    mirror::testing::store,
    project::testing::{run, tenant, uid},
    store::{
        TenantTx,
        export::{Kind, page},
    },
    tenant_end::{
        Error,
        export::{Export, Progress, Sizes},
        metrics::Metrics,
    },
};

/// Sizes with which each row is a file of its own.
pub(super) const ONE_ROW: Sizes = Sizes { page_bytes: 1, file_bytes: 1 };

/// Calls `continue_with` with an export of the scene, as a replica begins it.
pub(super) async fn replica<T>(
    scene: &Scene,
    sizes: Sizes,
    continue_with: impl AsyncFnOnce(Export<'_>) -> T,
) -> T {
    let metrics = Metrics::registered(&Registry::default());
    let archiving = scene.archiving().await;
    let export = Export::new(&scene.resources, scene.objects(), &metrics, "acme".to_owned(), archiving);
    continue_with(export.with_sizes(sizes)).await
}

async fn store_runs(scene: &Scene, count: usize, input: &str) {
    let finished = |number: usize| {
        run("acme", "invoices", &format!("run-{number}"))
            .version(7)
            .spec("input", json!(input))
            .phase("Succeeded")
    };
    store(&scene.owner, (0..count).map(|number| finished(number).build())).await;
}

/// An export has all data of its tenant, in files that the manifest lists with their digests, and nothing of any other tenant.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_export_has_all_data_of_its_tenant_and_nothing_of_others(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    store(&owner, [tenant("globex").build()]).await;
    let (own, _) = (store_data(&scene, "acme").await, store_data(&scene, "globex").await);
    assert!(scene.advance().await.unwrap());
    let archiving = scene.archiving().await;
    let exported = Exported::read(&scene, archiving.export_id).await.unwrap();
    assert_eq!(exported.values("tenant", "slug"), ["acme"]);
    assert_eq!(exported.values("workflows", "name"), ["acme-workflow"]);
    assert_eq!(exported.values("runs", "name"), ["acme-run"]);
    assert_eq!(exported.values("runs", "output"), ["output of acme"]);
    assert_eq!(
        exported.values("logs", "lines"),
        [json!({"text": "line 1 of acme"}), json!({"text": "line 2 of acme"})]
    );
    assert_eq!(exported.values("chunks", "text"), ["chunk of acme"]);
    let mut files = exported.values("documents", "file");
    files.retain(|file| !file.is_null());
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let copy = content(scene.objects(), &format!("{}{}", exported.folder, file.as_str().unwrap())).await;
    assert_eq!(copy.unwrap(), b"content of acme");
    assert_eq!(exported.values("user-pictures", "email"), ["dora@acme.example"]);
    assert_eq!(exported.values("user-pictures", "png"), [STANDARD.encode(picture("acme"))]);
    assert!(exported.values("events", "kind").contains(&json!("WORKFLOW_RUN")));
    let copies = exported.values("outputs", "file");
    assert_eq!(copies, [format!("outputs/{}/{}", own.run, own.sha256())]);
    let copy = content(scene.objects(), &format!("{}{}", exported.folder, copies[0].as_str().unwrap())).await;
    assert_eq!(copy.unwrap(), b"large output of acme");
    assert_eq!(
        (&exported.manifest["version"], &exported.manifest["tenant"]["slug"]),
        (&json!(1), &json!("acme"))
    );
    let text = format!("{:?} {}", exported.rows, exported.manifest);
    assert!(!text.contains("globex") && !text.contains(&uid("globex").to_string()), "{text}");

    let condition = scene.condition("Exported").unwrap();
    assert!(condition.starts_with("True Exported: exported to file:///"), "{condition}");
    assert!(
        condition.contains(&exported.folder) && condition.ends_with("and 1 stored outputs"),
        "{condition}"
    );
    let export = &scene.kubernetes.tenant()["status"]["export"];
    assert_eq!(export["archivedAt"], super::ARCHIVED_AT);
    assert!(export["location"].as_str().unwrap().ends_with(&exported.folder), "{export}");
    assert!(!scene.advance().await.unwrap(), "nothing is left to do");
}

/// A tenant without workflows and runs is exported, too.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_empty_tenant_is_exported(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    scene.advance().await.unwrap();
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    assert_eq!(exported.values("tenant", "slug"), ["acme"]);
    assert_eq!(exported.values("runs", "name"), Vec::<Value>::new());
}

/// An export that was interrupted between two files, or between a file and its record, continues by another replica and has each
/// row once.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_interrupted_export_continues_and_has_each_row_once(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    store_runs(&scene, 5, "any").await;
    let id = scene.archiving().await.export_id;
    replica(&scene, ONE_ROW, async |export| {
        for _ in 0..4 {
            assert_eq!(export.write_next().await.unwrap(), Progress::Written);
        }
    })
    .await;
    assert!(Exported::read(&scene, id).await.is_none(), "an incomplete export has no manifest");
    let recorded = "select count(*) from tenant_export_files where kind = 'runs'";
    assert_eq!(scene.count(recorded).await, 3);
    // As if the replica had ended after it wrote the file, and before it recorded it.
    let lost = "delete from tenant_export_files where kind = 'runs' and number = 3";
    sqlx::query(lost).execute(&owner).await.unwrap();
    let before: Vec<String> =
        sqlx::query_scalar("select name from tenant_export_files").fetch_all(&owner).await.unwrap();

    replica(&scene, ONE_ROW, async |export| export.run().await.unwrap()).await;
    let exported = Exported::read(&scene, id).await.unwrap();
    let mut names: Vec<_> =
        exported.values("runs", "name").iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["run-0", "run-1", "run-2", "run-3", "run-4"]);
    let files = exported.manifest["files"].as_array().unwrap();
    for name in before {
        assert!(files.iter().any(|file| file["name"] == name), "{name} was written again");
    }
}

/// However much data a tenant has, no file, and so no buffer, is larger than its limit and one page.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_large_tenant_is_exported_in_files_of_bounded_size(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    store_runs(&scene, 40, &"x".repeat(1_000)).await;
    let sizes = Sizes { page_bytes: 4_000, file_bytes: 10_000 };
    replica(&scene, sizes, async |export| export.run().await.unwrap()).await;
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    assert_eq!(exported.values("runs", "name").len(), 40);
    let files = exported.manifest["files"].as_array().unwrap();
    let runs: Vec<_> = files.iter().filter(|file| file["kind"] == "runs").collect();
    assert!(runs.len() > 3, "{runs:?}");
    for file in files {
        assert!(file["bytes"].as_u64().unwrap() <= 14_100, "{file}");
    }
}

/// An output that does not exist any more is said to be missing, and does not stop the export.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_missing_output_does_not_stop_the_export(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    store_data(&scene, "acme").await;
    let missing = store_output(&scene, "acme", "acme-run", "b").await;
    scene.objects().delete(&missing.to_string()).await.unwrap();
    scene.advance().await.unwrap();
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    let files = exported.values("outputs", "file");
    assert!(files[0].is_string() && files[1].is_null(), "{files:?}");
}

/// The export begins when the mirror has stored the ends of all runs, since the operator may be faster.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_export_waits_for_the_ends_of_all_runs(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    let running = run("acme", "invoices", "late").version(5);
    store(&owner, [running.clone().phase("Running").build()]).await;
    assert!(matches!(scene.advance().await, Err(Error::UnfinishedRuns(1))));
    store(&owner, [running.version(6).phase("Cancelled").build()]).await;
    scene.advance().await.unwrap();
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    assert_eq!(exported.values("runs", "status"), ["CANCELLED"]);
}

/// A tenant that is active again is not said to be exported; when it is archived again, it is exported again, and the earlier
/// export is deleted.
#[sqlx::test(migrator = "MIGRATOR")]
async fn each_archiving_is_exported_anew(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    let first_output = store_data(&scene, "acme").await;
    scene.advance().await.unwrap();
    let first = scene.archiving().await.export_id;
    scene.apply(tenant("acme").version(20)).await;
    assert!(scene.advance().await.unwrap());
    assert_eq!(scene.condition("Exported"), None);
    assert!(scene.kubernetes.tenant()["status"].get("export").is_none());
    assert!(!scene.advance().await.unwrap());

    let again = archived().version(30).status(json!({"archivedAt": "2026-11-25T08:00:00Z"}));
    scene.apply(again).await;
    scene.advance().await.unwrap();
    let second = scene.archiving().await.export_id;
    assert_ne!(first, second);
    assert!(Exported::read(&scene, second).await.is_some());
    assert!(Exported::read(&scene, first).await.is_none());
    let copy = format!(
        "{}outputs/{}/{}",
        super::super::export::folder("acme", first),
        first_output.run,
        first_output.sha256()
    );
    assert_eq!(content(scene.objects(), &copy).await, None);
    assert_eq!(scene.kubernetes.tenant()["status"]["export"]["archivedAt"], "2026-11-25T08:00:00Z");
}

/// While the object storage does not accept writes, or none is configured, the condition says so; the export is complete once it
/// does.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_export_without_object_storage_says_so_and_is_repeated(owner: PgPool) {
    let mut scene = Scene::new(&owner, archived()).await;
    let objects = scene.resources.objects.take();
    scene.advance().await.unwrap();
    assert!(
        scene
            .condition("Exported")
            .unwrap()
            .starts_with("False ObjectStorageNotConfigured: no object storage")
    );
    scene.resources.objects = objects;
    std::fs::remove_dir_all(&scene.directory).unwrap();
    std::fs::write(&scene.directory, "not a directory").unwrap();
    assert!(matches!(scene.advance().await, Err(Error::Storage(_))));
    assert!(scene.condition("Exported").unwrap().starts_with("False ObjectStorageUnavailable: "));
    std::fs::remove_file(&scene.directory).unwrap();
    std::fs::create_dir(&scene.directory).unwrap();
    scene.advance().await.unwrap();
    assert!(scene.condition("Exported").unwrap().starts_with("True Exported: "));
}

/// An export that is not interrupted has the events up to its begin, however many are written meanwhile.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_export_ends_although_events_are_written_meanwhile(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    store_runs(&scene, 1, "any").await;
    let last = scene.count("select max(seq) from events").await;
    replica(&scene, ONE_ROW, async |export| {
        export.write_next().await.unwrap();
        store_runs(&scene, 3, "more").await;
        export.run().await.unwrap();
    })
    .await;
    assert!(scene.count("select max(seq) from events").await > last);
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    assert_eq!(exported.values("events", "seq").last(), Some(&json!(last)));
}

/// A run that the mirror cannot store is not left out silently: the export waits, and names it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_export_waits_for_objects_that_cannot_be_stored(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    let odd = run("acme", "invoices", "odd").version(5);
    store(&owner, [odd.clone().spec("priority", json!("any")).build()]).await;
    assert!(matches!(scene.advance().await, Err(Error::Quarantined { others: 0, .. })));
    let condition = scene.condition("Exported").unwrap();
    assert!(
        condition.starts_with("False ObjectsNotMirrored: ") && condition.contains("run odd"),
        "{condition}"
    );
    store(&owner, [odd.version(6).phase("Succeeded").build()]).await;
    scene.advance().await.unwrap();
    let exported = Exported::read(&scene, scene.archiving().await.export_id).await.unwrap();
    assert_eq!(exported.values("runs", "name"), ["odd"]);
}

/// Postgres renders all rows of a page, also those for which it has no room: there are few of those that may be large.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_page_has_few_rows_that_may_be_large(owner: PgPool) {
    let scene = Scene::new(&owner, archived()).await;
    store_runs(&scene, 20, "any").await;
    let scope = crate::auth::TenantScope::for_export(uid("acme"));
    let mut tx = TenantTx::begin(&scene.resources.app, scope).await.unwrap();
    let mut rows = async |kind| page(&mut tx, kind, None, 1 << 30, i64::MAX).await.unwrap().len();
    assert_eq!(rows(Kind::Runs).await, 8);
    assert!(rows(Kind::Events).await >= 20);
}
