//! Tests of the chains against Postgres, with changes that only the owner of the tables can make.

use sqlx::PgPool;
use uuid::Uuid;

use super::{
    Actor, ActorKind, Break, Head, NewIntent, NewOutcome, Object, Outcome, Query, Writer, chains, expired,
    list, verify,
};
use crate::{
    auth::{Origin, TenantScope},
    db::{
        MIGRATOR,
        testing::{app_pool, mirror_pool},
    },
    store::{Created, TenantTx},
};

const ACME: Uuid = Uuid::from_u128(7);
const GLOBEX: Uuid = Uuid::from_u128(8);

/// Adds the rows of an operation: seven of its columns have text that needs care, such as letters of several bytes.
async fn add(writer: &Writer, chain: Uuid) -> Uuid {
    let id = telemetry::ids::uuid_v7();
    begin(writer, chain, id, 60).await;
    let object = Object { kind: "WORKFLOW", id: Some(ACME), name: "größe".to_owned() };
    let changes = Some(serde_json::json!([{"field": "/timeout", "before": 1.50, "after": "\u{1F9FE}"}]));
    let outcome =
        NewOutcome { chain, id, outcome: Outcome::Succeeded, code: None, object: Some(&object), changes };
    assert!(writer.end(&outcome).await.unwrap());
    id
}

async fn begin(writer: &Writer, chain: Uuid, id: Uuid, open_seconds: i32) {
    let actor = Actor {
        kind: ActorKind::User,
        issuer: Some("https://id.example".to_owned()),
        subject: None,
        email: Some("anna@acme.example".to_owned()),
        roles: vec!["owner".to_owned(), "größe".to_owned()],
    };
    let origin = Origin { client_address: Some([203, 0, 113, 7].into()), ..Origin::default() };
    let (operation, action) = ("PATCH /v1/workflows/{id}", "workflow.update");
    let intent = NewIntent { chain, id, operation, action, actor: &actor, origin: &origin, open_seconds };
    writer.connect(chain).await.unwrap().begin(&intent).await.unwrap();
}

/// Adds three operations of each of two tenants, and returns the pool of the app role as a writer.
async fn six_rows_each(owner: &PgPool) -> Writer {
    let writer = Writer::Requests(app_pool(owner).await);
    for chain in [ACME, GLOBEX, ACME, GLOBEX, ACME, GLOBEX] {
        add(&writer, chain).await;
    }
    writer
}

async fn verified(owner: &PgPool, chain: Uuid) -> Result<i64, Break> {
    verify(&mirror_pool(owner).await, chain).await.unwrap().map(|Head { seq, .. }| seq)
}

/// Executes a statement without the triggers that refuse it.
async fn tamper(owner: &PgPool, statement: &'static str) {
    sqlx::raw_sql("alter table audit_events disable trigger user").execute(owner).await.unwrap();
    sqlx::raw_sql(statement).execute(owner).await.unwrap();
    sqlx::raw_sql("alter table audit_events enable trigger user").execute(owner).await.unwrap();
}

/// The program computes the same hashes as the database, and a chain is verified on its own.
#[sqlx::test(migrator = "MIGRATOR")]
async fn an_intact_chain_is_verified(owner: PgPool) {
    six_rows_each(&owner).await;
    assert_eq!(verified(&owner, ACME).await, Ok(6));
    assert_eq!(verified(&owner, GLOBEX).await, Ok(6));
    let found = chains(&mirror_pool(&owner).await, None).await.unwrap();
    assert_eq!(found.iter().map(|chain| chain.id).collect::<Vec<_>>(), [ACME, GLOBEX]);
}

/// Whatever is done to a row, the first one that is not as it was written is named, and other tenants' chains are intact.
#[sqlx::test(migrator = "MIGRATOR")]
async fn each_kind_of_tampering_is_found(owner: PgPool) {
    six_rows_each(&owner).await;
    sqlx::raw_sql("create table saved as select * from audit_events").execute(&owner).await.unwrap();
    for (statement, expected) in [
        ("update audit_events set actor_email = 'bob@acme.example' where seq = 3", Break::Altered { seq: 3 }),
        ("update audit_events set changes = '[]' where seq = 4", Break::Altered { seq: 4 }),
        ("update audit_events set at = at + interval '1 microsecond' where seq = 1", Break::Altered { seq: 1 }),
        ("update audit_events set code = '' where seq = 2", Break::Altered { seq: 2 }),
        ("delete from audit_events where seq = 3", Break::Missing { seq: 3 }),
        ("delete from audit_events where seq >= 5", Break::Missing { seq: 5 }),
        (
            "update audit_events set seq = case seq when 2 then 14 else 12 end where seq in (2, 4);
             update audit_events set seq = seq - 10 where seq > 10",
            Break::Altered { seq: 2 },
        ),
        (
            "update audit_events set seq = seq + 10 where seq >= 3; update audit_events set seq = seq - 9 where seq > 10;
             insert into audit_events select tenant_id, 3, gen_random_uuid(), phase, at, operation, action, actor_kind,
               actor_issuer, actor_subject, actor_email, actor_roles, client_address, user_agent, request_id,
               traceparent, target, outcome, code, object_kind, object_id, object_name, changes, hash
               from saved where seq = 1;
             update audit_chains set last_seq = 7",
            Break::Altered { seq: 3 },
        ),
        (
            "insert into audit_events select tenant_id, 7, gen_random_uuid(), phase, at, operation, action, actor_kind,
               actor_issuer, actor_subject, actor_email, actor_roles, client_address, user_agent, request_id,
               traceparent, target, outcome, code, object_kind, object_id, object_name, changes, hash
               from saved where seq = 1",
            Break::Added { seq: 7 },
        ),
        ("update audit_chains set last_seq = 4; delete from audit_events where seq > 4", Break::End { seq: 4 }),
    ] {
        sqlx::raw_sql("create table ends as select * from audit_chains").execute(&owner).await.unwrap();
        tamper(&owner, statement).await;
        assert_eq!(verified(&owner, ACME).await, Err(expected.clone()), "{statement}");
        tamper(
            &owner,
            "delete from audit_events; insert into audit_events select * from saved;
             update audit_chains c set last_seq = e.last_seq, last_hash = e.last_hash from ends e
               where e.tenant_id = c.tenant_id;
             drop table ends",
        )
        .await;
        assert_eq!(verified(&owner, ACME).await, Ok(6));
    }
    tamper(&owner, "delete from audit_events where seq = 3 and tenant_id::text like '%7'").await;
    assert_eq!(verified(&owner, GLOBEX).await, Ok(6));
}

/// No role of the process can change or delete a row, and the owner cannot do so by mistake.
#[sqlx::test(migrator = "MIGRATOR")]
async fn rows_are_only_added(owner: PgPool) {
    six_rows_each(&owner).await;
    let (app, mirror) = (app_pool(&owner).await, mirror_pool(&owner).await);
    for statement in [
        "update audit_events set code = 'x'",
        "delete from audit_events",
        "truncate audit_events",
        "insert into audit_events (tenant_id, seq, id, phase, at, outcome, hash)
           values (gen_random_uuid(), 1, gen_random_uuid(), 'OUTCOME', now(), 'FAILED', '')",
        "update audit_chains set last_seq = 1",
        "delete from audit_open",
    ] {
        for (role, pool) in [("app", app.inner()), ("mirror", mirror.inner())] {
            let refused = sqlx::raw_sql(statement).execute(pool).await.unwrap_err();
            let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
            assert_eq!(code, "42501", "{role}: {statement}");
        }
    }
    for statement in
        ["update audit_events set code = 'x'", "delete from audit_events", "truncate audit_events"]
    {
        let refused = sqlx::raw_sql(statement).execute(&owner).await.unwrap_err();
        assert!(refused.to_string().contains("never changed"), "{statement}: {refused}");
    }
    let refused =
        sqlx::raw_sql("select prune_audit_events(gen_random_uuid(), now(), 1)").execute(app.inner()).await;
    assert!(refused.is_err(), "the role of requests deletes nothing");
}

/// Writers of one chain and of several ones at the same time produce chains without gaps, and an operation has one outcome.
#[sqlx::test(migrator = "MIGRATOR")]
async fn concurrent_writers_extend_the_chains(owner: PgPool) {
    let writer = Writer::Requests(app_pool(&owner).await);
    let adding = (0..40).map(|n| {
        let writer = writer.clone();
        async move { add(&writer, if n % 4 == 0 { GLOBEX } else { ACME }).await }
    });
    let ids = futures::future::join_all(adding).await;
    assert_eq!((verified(&owner, ACME).await, verified(&owner, GLOBEX).await), (Ok(60), Ok(20)));
    let again = NewOutcome {
        chain: GLOBEX,
        id: ids[0],
        outcome: Outcome::Failed,
        code: None,
        object: None,
        changes: None,
    };
    assert!(!writer.end(&again).await.unwrap());
    assert_eq!(verified(&owner, GLOBEX).await, Ok(20));
}

/// Old rows are deleted from the begin of a chain, younger ones than 30 days never, and the rest is verified as before.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_chain_without_its_oldest_rows_is_verified(owner: PgPool) {
    six_rows_each(&owner).await;
    let mirror = mirror_pool(&owner).await;
    let prune = async || -> i64 {
        let statement = "select prune_audit_events($1, now(), 1000)";
        sqlx::query_scalar(statement).bind(ACME).fetch_one(mirror.inner()).await.unwrap()
    };
    assert_eq!(prune().await, 0, "all rows are young");
    // A chain that was written 40 days ago, as far as its hashes are concerned, would need a clock of that time.
    sqlx::raw_sql("alter table audit_events disable trigger user").execute(&owner).await.unwrap();
    let old = "update audit_events set at = at - interval '40 days' where tenant_id = $1 and seq <= 3";
    sqlx::query(old).bind(ACME).execute(&owner).await.unwrap();
    sqlx::raw_sql("alter table audit_events enable trigger user").execute(&owner).await.unwrap();
    assert_eq!(prune().await, 3);
    assert_eq!(prune().await, 0);
    let head = verify(&mirror, ACME).await.unwrap().unwrap();
    assert_eq!((head.rows, head.seq), (3, 6));
    add(&Writer::Jobs(mirror.clone()), ACME).await;
    assert_eq!(verified(&owner, ACME).await, Ok(8));
    tamper(&owner, "insert into audit_events select tenant_id, 2, gen_random_uuid(), phase, at, operation, action,
      actor_kind, actor_issuer, actor_subject, actor_email, actor_roles, client_address, user_agent, request_id,
      traceparent, target, outcome, code, object_kind, object_id, object_name, changes, hash
      from audit_events where seq = 5 and tenant_id::text like '%7'").await;
    assert_eq!(verified(&owner, ACME).await, Err(Break::Added { seq: 2 }));
}

/// An operation whose process has died is found once its time is over, and not before.
#[sqlx::test(migrator = "MIGRATOR")]
async fn interrupted_operations_are_found(owner: PgPool) {
    let (app, mirror) = (Writer::Requests(app_pool(&owner).await), mirror_pool(&owner).await);
    let (dead, running) = (telemetry::ids::uuid_v7(), telemetry::ids::uuid_v7());
    begin(&app, ACME, dead, -1).await;
    begin(&app, ACME, running, 60).await;
    assert_eq!(expired(&mirror).await.unwrap().iter().map(|open| open.id).collect::<Vec<_>>(), [dead]);
}

/// A tenant sees its own events only, newest first, and each filter applies.
#[sqlx::test(migrator = "MIGRATOR")]
async fn a_tenant_lists_its_own_events(owner: PgPool) {
    six_rows_each(&owner).await;
    let app = app_pool(&owner).await;
    let mut tx = TenantTx::begin(&app, TenantScope::for_tests(ACME)).await.unwrap();
    let all = list(&mut tx, Query::default()).await.unwrap().items;
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by(|newer, older| newer.created_at.to_jiff() >= older.created_at.to_jiff()));
    let count = async |tx: &mut TenantTx, query: Query| list(tx, query).await.unwrap().items.len();
    let anna = Query { actor: Some("anna@acme.example".to_owned()), ..Query::default() };
    let bob = Query { actor: Some("bob@acme.example".to_owned()), ..Query::default() };
    let object = Query { object: Some(ACME), ..Query::default() };
    let other = Query { action: Some("workflow.create".to_owned()), ..Query::default() };
    let created = Created { after: None, before: Some(all[2].created_at) };
    let before = Query { created, ..Query::default() };
    let nul = Query { actor: Some("\0".to_owned()), ..Query::default() };
    let created = Created { after: Some(all[2].created_at), before: None };
    let after = Query { created, ..Query::default() };
    for (query, expected) in [(anna, 3), (bob, 0), (nul, 0), (object, 3), (other, 0), (before, 0), (after, 2)]
    {
        assert_eq!(count(&mut tx, query.clone()).await, expected, "{query:?}");
    }
}
