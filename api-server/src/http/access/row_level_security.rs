//! Row-level security and the tenant that every statement names are two defences, and each of them is sufficient.

use std::collections::BTreeSet;

use axum::Router;
use sqlx::{AssertSqlSafe, PgPool};

use super::{
    Matrix,
    answers::class,
    objects::{self, Kind, Which},
};
use crate::http::testing::{ACME, Answer, send};

/// What the answers about objects of globex contain, besides their IDs.
const NAME: &str = "globex";
/// Operations that show who the caller is, as the token says it.
const OF_CALLER: [&str; 3] = ["GET /v1/me", "GET /v1/me/permissions", "Query.viewer"];
const KINDS: [Kind; 10] = [
    Kind::Workflow,
    Kind::Revision,
    Kind::FinishedRun,
    Kind::QueuedRun,
    Kind::User,
    Kind::Invitation,
    Kind::ApiKey,
    Kind::ServiceAccount,
    Kind::Role,
    Kind::Policy,
];

/// Returns whether an answer shows something of globex.
fn shows_globex(answer: &Answer) -> bool {
    let mut body = answer.body.clone();
    if let Some(fields) = body.as_object_mut() {
        // The path of the request has the ID.
        fields.remove("instance");
    }
    let text = match body.is_null() {
        // Bytes, as of a picture.
        true => String::from_utf8_lossy(&answer.bytes).to_lowercase(),
        false => body.to_string().to_lowercase(),
    };
    let ids = KINDS.into_iter().flat_map(|kind| {
        [
            objects::id(kind, Which::Foreign).to_owned(),
            objects::global_id(kind, Which::Foreign).to_lowercase(),
        ]
    });
    text.contains(NAME) || ids.into_iter().any(|id| text.contains(&id))
}

/// Operations that read, and those that show something of globex to its owner or to an owner of acme.
struct Leaks {
    shown: BTreeSet<&'static str>,
    asked: usize,
}

impl Matrix {
    /// Sends all operations that read, with the objects of globex.
    async fn read_globex(&self, router: &Router, tenant: &str) -> Leaks {
        let token = self.server.issuer.token(tenant, "owner");
        let (mut shown, mut asked) = (BTreeSet::new(), 0);
        for row in self.rows.iter().filter(|row| is_read(row.operation)) {
            let request = self.requests.prepare(row.operation, Which::Foreign).request(Some(&token));
            let answer = send(router, request).await;
            asked += 1;
            if shows_globex(&answer) {
                shown.insert(row.operation);
            }
        }
        Leaks { shown, asked }
    }

    /// Sends all operations that change an object of globex as its owner, and returns those that were executed.
    async fn write_globex(&self, router: &Router, tenant: &str) -> BTreeSet<&'static str> {
        let token = self.server.issuer.token(tenant, "owner");
        let mut executed = BTreeSet::new();
        let rows = self.rows.iter().filter(|row| !is_read(row.operation) && row.names_object());
        for row in rows.filter(|row| !row.requires[0].starts_with("platform.")) {
            let request = self.requests.prepare(row.operation, Which::Foreign).request(Some(&token));
            let answer = send(router, request).await;
            objects::restore(&self.owner).await;
            if class(row.operation, &answer).name == "yes" {
                executed.insert(row.operation);
            }
        }
        executed
    }

    /// Switches row-level security off for all tables, as if there was none.
    async fn without_row_level_security(&self) {
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'p') and c.relrowsecurity",
        )
        .fetch_all(&self.owner)
        .await
        .unwrap();
        for table in tables {
            let alter = format!("alter table {table} disable row level security");
            sqlx::raw_sql(AssertSqlSafe(alter)).execute(&self.owner).await.unwrap();
        }
    }
}

fn is_read(operation: &str) -> bool {
    let is_query = !operation.contains(' ') && !operation.starts_with("Mutation.");
    (operation.starts_with("GET /v1/") || is_query) && !OF_CALLER.contains(&operation)
}

/// Each of the two defences alone hides everything of another tenant: row-level security, although all statements name the other tenant;
/// and the statements, although there is no row-level security. Without both, the same requests show the objects.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_defence_alone_leaks_nothing(pool: PgPool) {
    let matrix = Matrix::start(pool).await;
    let usual = matrix.server.router();
    // An audit event of globex.
    matrix
        .server
        .patch("globex", "owner", "/v1/tenant", &[("content-type", "application/merge-patch+json")], "{}")
        .await;
    let own = matrix.read_globex(&usual, "globex").await;
    assert!(own.shown.len() >= 25, "{:?}", own.shown);
    let own_writes = matrix.write_globex(&usual, "globex").await;
    assert!(own_writes.len() >= 25, "{own_writes:?}");

    // All statements name globex, and the session is that of acme.
    let mixed = matrix.server.with_sessions_of(ACME);
    let leaks = matrix.read_globex(&mixed, "globex").await;
    assert_eq!(leaks.shown, BTreeSet::new(), "row-level security alone");
    let executed = matrix.write_globex(&mixed, "globex").await;
    assert_eq!(executed, BTreeSet::new(), "row-level security alone");

    matrix.without_row_level_security().await;
    let leaks = matrix.read_globex(&usual, "acme").await;
    assert_eq!(leaks.shown, BTreeSet::new(), "statements alone");
    let executed = matrix.write_globex(&usual, "acme").await;
    assert_eq!(executed, BTreeSet::new(), "statements alone");

    // The control: with neither of them, everything is shown, so that the requests above would have noticed a leak.
    let control = matrix.read_globex(&mixed, "globex").await;
    assert!(control.shown.is_superset(&own.shown), "neither: {:?} of {:?}", control.shown, own.shown);
    println!(
        "{} of {} operations that read show objects of their tenant, and {} change them; each defence alone hides all of them",
        own.shown.len(),
        own.asked,
        own_writes.len()
    );
}
