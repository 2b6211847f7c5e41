//! What is deleted, and what is not.

use serde_json::json;
use sqlx::PgPool;

use super::{Registry, Sweeper, Timestamp};
use crate::{
    app::outputs::Name,
    db::{MIGRATOR, testing::mirror_pool},
    mirror::testing::{forget, store},
    objects::{Credentials, Location, Objects},
    project::testing::{plan, run, tenant, uid, workflow},
};

/// 91 days after everything.
const LATER: &str = "2027-02-24T00:00:00Z";

fn at(time: &str) -> Timestamp {
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

/// A customer's history is deleted before its time, or while Kubernetes still has the run; or it grows for ever.
#[sqlx::test(migrator = "MIGRATOR")]
async fn records_go_when_the_plan_keeps_them_no_longer(owner: PgPool) {
    let starter = plan("starter").spec("retention", json!({"runs": "10d"})).build();
    let old = run("acme", "invoices", "old").version(5).phase("Failed").build();
    let live = run("acme", "invoices", "still-there").version(5).phase("Failed").build();
    let running = run("acme", "invoices", "running").version(5).phase("Running").build();
    store(&owner, [starter, tenant("acme").build(), workflow("acme", "invoices").build()]).await;
    store(&owner, [old.clone(), live, running]).await;
    forget(&owner, &old, 8).await;
    let sweeper = sweeper(&owner, None).await;
    sweeper.sweep(at("2026-12-03T00:00:00Z")).await.unwrap();
    assert_eq!(names(&owner).await, ["old", "running", "still-there"]);
    sweeper.sweep(at("2026-12-05T00:00:00Z")).await.unwrap();
    assert_eq!(names(&owner).await, ["running", "still-there"]);
}

/// Logs, events and keys of past years fill the database.
#[sqlx::test(migrator = "MIGRATOR")]
async fn logs_events_and_keys_go_by_their_own_times(owner: PgPool) {
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
    sweeper.sweep(at("2026-11-24T09:00:00Z")).await.unwrap();
    assert_eq!(counts().await, (1, 1, 2, 1));
    sweeper.sweep(at("2026-12-02T08:00:00Z")).await.unwrap();
    assert_eq!(counts().await, (1, 1, 0, 0), "events are kept for 7 days, logs for 30");
    sweeper.sweep(at("2026-12-25T08:00:00Z")).await.unwrap();
    assert_eq!(counts().await, (0, 0, 0, 0));
}

/// An output is deleted that a run still refers to, also one that took it over; or storage grows for ever.
#[sqlx::test(migrator = "MIGRATOR")]
async fn objects_go_when_no_run_refers_to_them(owner: PgPool) {
    let root = std::env::temp_dir().join(format!("smb-objects-{}", telemetry::ids::uuid_v7()));
    let objects = objects(&root);
    let name = |run: &str, digit: &str| Name::new(uid("acme"), uid(run), &digit.repeat(64)).unwrap();
    let (kept, taken, orphan, running) =
        (name("first", "a"), name("first", "b"), name("first", "c"), name("running", "d"));
    let refers = |uris: &[&Name]| {
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
    let first = run("acme", "invoices", "first").version(5).status(refers(&[&kept])).build();
    let again = run("acme", "invoices", "again").version(5).status(refers(&[&taken])).build();
    let running_run = run("acme", "invoices", "running").version(5).phase("Running").build();
    store(&owner, [tenant("acme").build(), first.clone(), again, running_run]).await;
    for name in [&kept, &taken, &orphan, &running] {
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
        for (label, name) in [("kept", &kept), ("taken", &taken), ("orphan", &orphan), ("running", &running)]
        {
            if objects.get(&name.to_string()).await.unwrap().is_some() {
                present.push(label);
            }
        }
        present
    };
    let sweeper = sweeper(&owner, Some(objects.clone())).await;
    sweeper.sweep(at("2026-11-24T09:00:00Z")).await.unwrap();
    assert_eq!(
        present().await,
        ["kept", "taken", "orphan", "running"],
        "a young object may still be referred to"
    );
    sweeper.sweep(at("2026-11-26T09:00:00Z")).await.unwrap();
    assert_eq!(present().await, ["kept", "taken", "running"]);
    forget(&owner, &first, 8).await;
    sweeper.sweep(at(LATER)).await.unwrap();
    assert_eq!(present().await, ["taken", "running"], "the record is gone, and what it alone referred to");
    std::fs::remove_dir_all(root).unwrap();
}
