//! Tests of retention: which data are deleted, and which are not.

use serde_json::json;
use sqlx::PgPool;

use super::{Registry, Sweeper, Timestamp, purge};
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

/// A deletion of records is in the audit log of its tenant, with their number, and a sweep that deletes none adds nothing to it.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_deletion_of_records_is_audited(owner: PgPool) {
    let old = run("acme", "invoices", "old").version(5).phase("Failed").build();
    store(&owner, [tenant("acme").build(), tenant("globex").build(), old.clone()]).await;
    delete(&owner, &old, 8).await;
    let sweeper = sweeper(&owner, None).await;
    for _ in 0..2 {
        sweeper.sweep(time(AFTER_91_DAYS)).await.unwrap();
    }
    let events: Vec<(String, String)> = sqlx::query_as(
        "select coalesce(action, outcome || ' ' || object_name), coalesce(changes ->> 0, '') from audit_events order by seq",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let deleted = json!({"field": "/runs", "before": 1, "after": 0}).to_string();
    let expected = [("retention.delete", ""), ("SUCCEEDED acme", deleted.as_str())];
    assert_eq!(
        events.iter().map(|(what, change)| (what.as_str(), change.as_str())).collect::<Vec<_>>(),
        expected
    );
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

/// The mails that are counted for a deleted tenant are deleted with its data, and those of another tenant are not.
#[sqlx::test(migrator = "MIGRATOR")]
async fn counted_mails_are_purged(owner: PgPool) {
    store(&owner, [tenant("acme").build(), tenant("globex").build()]).await;
    let mails = "insert into invitation_mails (id, tenant_id, address_digest)
                 select gen_random_uuid(), id, sha256('x') from tenants";
    sqlx::query(mails).execute(&owner).await.unwrap();
    purge(&mirror_pool(&owner).await, None, uid("acme")).await.unwrap();
    let left: Vec<uuid::Uuid> =
        sqlx::query_scalar("select tenant_id from invitation_mails").fetch_all(&owner).await.unwrap();
    assert_eq!(left, [uid("globex")]);
}

/// Events have a partition for each day: those of the next days exist in advance, events of a day without one are moved when it is
/// created, and a day that no tenant retains is dropped. Two replicas may do this at the same time.
#[sqlx::test(migrator = "MIGRATOR")]
async fn events_are_dropped_with_the_partition_of_their_day(owner: PgPool) {
    let plan = plan("starter").spec("retention", json!({"events": "3d"})).build();
    store(&owner, [plan, tenant("acme").build()]).await;
    let partitions = async || {
        let names = "select inhrelid::regclass::text from pg_inherits
                     where inhparent = 'events'::regclass and inhrelid::regclass::text like 'events_2%' order by 1";
        sqlx::query_scalar::<_, String>(names).fetch_all(&owner).await.unwrap()
    };
    assert_eq!(partitions().await.len(), 8, "today and seven days");
    let late = "insert into events (tenant_id, seq, kind, object_id, change, data, at)
                select tenant_id, seq + days, kind, object_id, change, data, now() + days * interval '1 day'
                from events, unnest(array[-5, -2, 9]) as days";
    sqlx::query(late).execute(&owner).await.unwrap();
    let in_default = "select count(*) from only events_default";
    let count = async |query| sqlx::query_scalar::<_, i64>(query).fetch_one(&owner).await.unwrap();
    assert_eq!(count(in_default).await, 3);
    let (one, other) = (sweeper(&owner, None).await, sweeper(&owner, None).await);
    let now = telemetry::clock::now();
    let (first, second) = tokio::join!(one.sweep(now), other.sweep(now));
    first.and(second).unwrap();
    // One of the two may have given up in favour of the other.
    one.sweep(now).await.unwrap();
    assert_eq!(partitions().await.len(), 8 + 2, "{:?}", partitions().await);
    assert_eq!((count(in_default).await, count("select count(*) from events").await), (0, 3));
    one.sweep(now + jiff::SignedDuration::from_hours(24 * 30)).await.unwrap();
    assert_eq!((partitions().await.len(), count("select count(*) from events").await), (0, 0));
}

/// Records that arrive after the data of a tenant was deleted are deleted at the next sweep, and what its row says about it. Without
/// the api-server's own record of that deletion, they stay, whatever the object said.
#[sqlx::test(migrator = "MIGRATOR")]
async fn the_late_records_of_a_deleted_tenant_are_deleted(owner: PgPool) {
    let terminating = |slug: &str| {
        let tenant = tenant(slug).version(3).spec("deletionPolicy", json!("Delete"));
        tenant.spec("settings", json!({"vat": 7})).status(json!({"phase": "Terminating"})).build()
    };
    let tenants = [terminating("acme"), terminating("globex"), terminating("hooli")];
    store(&owner, tenants.clone()).await;
    for slug in ["acme", "globex", "hooli"] {
        let run = run(slug, "invoices", slug).version(5).phase("Succeeded").build();
        store(&owner, [run.clone()]).await;
        delete(&owner, &run, 8).await;
    }
    let approved = "insert into tenant_deletions (tenant_id, uid, completed_at)
         select id, uid, case slug when 'acme' then now() end from tenants where slug <> 'hooli'";
    sqlx::query(approved).execute(&owner).await.unwrap();
    let sweeper = sweeper(&owner, None).await;
    sweeper.sweep(time("2026-11-24T09:00:00Z")).await.unwrap();
    assert_eq!(names(&owner).await, ["acme", "globex", "hooli"], "none is deleted yet");
    for tenant in &tenants {
        delete(&owner, tenant, 9).await;
    }
    sweeper.sweep(time("2026-11-24T09:00:00Z")).await.unwrap();
    assert_eq!(
        names(&owner).await,
        ["globex", "hooli"],
        "the data of globex was not deleted, so its policy has changed"
    );
    let settings: Vec<(String, String)> =
        sqlx::query_as("select slug, settings::text from tenants order by slug")
            .fetch_all(&owner)
            .await
            .unwrap();
    let shown = settings.iter().map(|(slug, settings)| format!("{slug} {settings}")).collect::<Vec<_>>();
    assert_eq!(shown, ["acme {}", "globex {\"vat\":7}", "hooli {\"vat\":7}"]);
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
