//! Tests of retention: which data are deleted, and which are not.

use serde_json::json;
use sqlx::PgPool;

use super::{Registry, Sweeper, Timestamp};
use crate::{
    db::{MIGRATOR, testing::mirror_pool},
    mirror::testing::{delete, store},
    objects::{Credentials, Location, Objects, OutputName},
    project::testing::{plan, run, tenant, uid, workflow},
};

/// A time 91 days after all fixtures.
const AFTER_91_DAYS: &str = "2027-02-24T00:00:00Z";

fn time(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn objects(root: &std::path::Path) -> Objects {
    Objects::open(Location::Directory(root.to_owned()), Credentials::default()).unwrap()
}

async fn sweeper(owner: &PgPool, objects: Option<Objects>) -> Sweeper {
    Sweeper::new(mirror_pool(owner).await, objects, &Registry::default())
}

async fn names(owner: &PgPool) -> Vec<String> {
    sqlx::query_scalar("select name from workflow_runs order by name").fetch_all(owner).await.unwrap()
}

/// Records of runs are deleted once the plan's retention has ended and Kubernetes no longer has the run, and
/// not before.
#[sqlx::test(migrator = "MIGRATOR")]
async fn records_are_deleted_when_their_retention_has_ended(owner: PgPool) {
    let starter = plan("starter").spec("retention", json!({"runs": "10d"})).build();
    let old = run("acme", "invoices", "old").version(5).phase("Failed").build();
    let live = run("acme", "invoices", "still-there").version(5).phase("Failed").build();
    let running = run("acme", "invoices", "running").version(5).phase("Running").build();
    store(&owner, [starter, tenant("acme").build(), workflow("acme", "invoices").build()]).await;
    store(&owner, [old.clone(), live, running]).await;
    delete(&owner, &old, 8).await;
    let sweeper = sweeper(&owner, None).await;
    sweeper.sweep(time("2026-12-03T00:00:00Z")).await.unwrap();
    assert_eq!(names(&owner).await, ["old", "running", "still-there"]);
    sweeper.sweep(time("2026-12-05T00:00:00Z")).await.unwrap();
    assert_eq!(names(&owner).await, ["running", "still-there"]);
}

/// Logs, events and idempotency keys are deleted, each after its own retention period.
#[sqlx::test(migrator = "MIGRATOR")]
async fn logs_events_and_keys_have_their_own_retention(owner: PgPool) {
    store(&owner, [tenant("acme").build(), run("acme", "invoices", "one").build()]).await;
    sqlx::raw_sql(
        "update events set at = '2026-11-24T08:00:00Z';
         insert into run_logs select tenant_id, id, 1, 9, false, '{}', '2026-11-24T08:00:00Z' from workflow_runs;
         insert into run_log_chunks select tenant_id, id, 1, '{}' from workflow_runs;
         insert into idempotency_keys (tenant_id, principal, key, fingerprint, expires_at)
           select id, 'anna', 'a-key', sha256('x'), '2026-11-25T08:00:00Z' from tenants;",
    )
    .execute(&owner)
    .await
    .unwrap();
    let counts = async || {
        let count = "select (select count(*) from run_logs), (select count(*) from run_log_chunks),
                            (select count(*) from events), (select count(*) from idempotency_keys)";
        sqlx::query_as::<_, (i64, i64, i64, i64)>(count).fetch_one(&owner).await.unwrap()
    };
    let sweeper = sweeper(&owner, None).await;
    sweeper.sweep(time("2026-11-24T09:00:00Z")).await.unwrap();
    assert_eq!(counts().await, (1, 1, 2, 1));
    sweeper.sweep(time("2026-12-02T08:00:00Z")).await.unwrap();
    assert_eq!(counts().await, (1, 1, 0, 0), "events are retained for 7 days, logs for 30");
    sweeper.sweep(time("2026-12-25T08:00:00Z")).await.unwrap();
    assert_eq!(counts().await, (0, 0, 0, 0));
}

/// An output is deleted once no run refers to it any more, neither the run that stored it nor one that reuses
/// it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn outputs_are_deleted_when_no_run_refers_to_them(owner: PgPool) {
    let root = std::env::temp_dir().join(format!("smb-objects-{}", telemetry::ids::uuid_v7()));
    let objects = objects(&root);
    let name = |run: &str, digit: &str| OutputName::new(uid("acme"), uid(run), &digit.repeat(64)).unwrap();
    let (own, reused, orphan, running) =
        (name("first", "a"), name("first", "b"), name("first", "c"), name("running", "d"));
    let refers = |uris: &[&OutputName]| {
        let steps: Vec<_> = uris
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let output = json!({"uri": name.uri(), "bytes": 1, "sha256": "", "mediaType": "text/plain"});
                json!({"name": format!("step-{index}"), "phase": "Succeeded", "outputRef": output})
            })
            .collect();
        json!({"phase": "Succeeded", "steps": steps, "finishedAt": "2026-11-24T08:00:09Z"})
    };
    let first = run("acme", "invoices", "first").version(5).status(refers(&[&own])).build();
    let again = run("acme", "invoices", "again").version(5).status(refers(&[&reused])).build();
    let running_run = run("acme", "invoices", "running").version(5).phase("Running").build();
    store(&owner, [tenant("acme").build(), first.clone(), again, running_run]).await;
    for name in [&own, &reused, &orphan, &running] {
        objects.put(&name.to_string(), b"x".to_vec().into(), "text/plain").await.unwrap();
        sqlx::query(
            "insert into stored_outputs values ($1, $2, $3, $4, 1, 'text/plain', '2026-11-24T08:00:00Z')",
        )
        .bind(name.tenant)
        .bind(name.run)
        .bind(name.sha256())
        .bind(name.uri())
        .execute(&owner)
        .await
        .unwrap();
    }
    let present = async || {
        let mut present = Vec::new();
        for (label, name) in [("own", &own), ("reused", &reused), ("orphan", &orphan), ("running", &running)]
        {
            if objects.get(&name.to_string()).await.unwrap().is_some() {
                present.push(label);
            }
        }
        present
    };
    let sweeper = sweeper(&owner, Some(objects.clone())).await;
    sweeper.sweep(time("2026-11-24T09:00:00Z")).await.unwrap();
    assert_eq!(
        present().await,
        ["own", "reused", "orphan", "running"],
        "a run may refer to a recent output later"
    );
    sweeper.sweep(time("2026-11-26T09:00:00Z")).await.unwrap();
    assert_eq!(present().await, ["own", "reused", "running"]);
    delete(&owner, &first, 8).await;
    sweeper.sweep(time(AFTER_91_DAYS)).await.unwrap();
    assert_eq!(
        present().await,
        ["reused", "running"],
        "the record is deleted with the output that only it referred to"
    );
    std::fs::remove_dir_all(root).unwrap();
}

/// An output that cannot be deleted does not keep the other outputs from it, and is deleted by a later sweep.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_output_that_cannot_be_deleted_does_not_keep_the_others(owner: PgPool) {
    let root = std::env::temp_dir().join(format!("smb-objects-{}", telemetry::ids::uuid_v7()));
    let objects = objects(&root);
    store(&owner, [tenant("acme").build()]).await;
    let names =
        ["a", "b", "c"].map(|digit| OutputName::new(uid("acme"), uid("deleted"), &digit.repeat(64)).unwrap());
    for (second, name) in names.iter().enumerate() {
        objects.put(&name.to_string(), b"x".to_vec().into(), "text/plain").await.unwrap();
        sqlx::query(
            "insert into stored_outputs
             values ($1, $2, $3, $4, 1, 'text/plain', '2026-11-24T08:00:00Z'::timestamptz + $5 * interval '1 second')",
        )
        .bind(name.tenant)
        .bind(name.run)
        .bind(name.sha256())
        .bind(name.uri())
        .bind(i32::try_from(second).unwrap())
        .execute(&owner)
        .await
        .unwrap();
    }
    let stuck = root.join(names[0].to_string());
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir_all(stuck.join("not-a-file")).unwrap();
    let left = async || {
        let query = "select left(sha256, 1) from stored_outputs order by created_at";
        sqlx::query_scalar::<_, String>(query).fetch_all(&owner).await.unwrap()
    };
    let sweeper = sweeper(&owner, Some(objects.clone())).await;
    sweeper.sweep(time(AFTER_91_DAYS)).await.unwrap();
    assert_eq!(left().await, ["a"]);
    std::fs::remove_dir_all(&stuck).unwrap();
    sweeper.sweep(time(AFTER_91_DAYS)).await.unwrap();
    assert!(left().await.is_empty());
    std::fs::remove_dir_all(root).unwrap();
}
