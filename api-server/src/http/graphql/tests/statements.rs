//! Tests of the number of SQL statements.

use std::{cell::Cell, fmt::Debug};

use serde_json::json;
use sqlx::PgPool;
use tracing::{Event, Metadata, Subscriber, field::Field, span};

use super::{OVERVIEW, id};
use crate::http::testing::{
    ANNA, API_KEY, BOB, FAILED_RUN, INVITATION, POLICY, QUEUED_RUN, ROLE, RUN, SERVICE_ACCOUNT, Server,
    WORKFLOW,
};

thread_local! {
    /// Number of queries of this test, whose runtime has one thread that no other test shares.
    static QUERIES: Cell<usize> = const { Cell::new(0) };
}

/// Subscriber that counts the queries that sqlx reports.
struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        // Statements that open connections and transactions depend on which connection is free, and are not counted.
        event.record(&mut |field: &Field, value: &dyn Debug| {
            let summary = format!("{value:?}").to_lowercase();
            let is_query = summary.contains("select ") && !summary.contains("set_config");
            QUERIES.set(QUERIES.get() + usize::from(field.name() == "summary" && is_query));
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The number of queries does not depend on the number of objects.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_number_of_queries_does_not_grow_with_rows(pool: PgPool) {
    let server = Server::start(&pool).await;
    tracing::subscriber::set_global_default(Counter).ok();
    // From now on, the tenant of the token is cached.
    server.get("acme", "viewer", "/v1/me").await;
    let mut queries = Vec::new();
    for first in [2, 3] {
        QUERIES.set(0);
        let answer = server.graphql("viewer", OVERVIEW, json!({"first": first})).await;
        assert_eq!(answer.body["data"]["workflows"]["nodes"].as_array().unwrap().len(), first);
        queries.push(QUERIES.get());
    }
    assert!(queries[0] > 0, "the subscriber counts queries");
    assert_eq!(queries[0], queries[1]);
}

/// The number of statements of each nested selection is known, whatever the number of rows: transactions and the lookup of the
/// tenant aside, one statement for each kind, and two where a content is measured before it is read.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_kind_takes_one_statement(pool: PgPool) {
    let server = Server::start(&pool).await;
    tracing::subscriber::set_global_default(Counter).ok();
    server.get("acme", "viewer", "/v1/me").await;
    server.kubernetes.set_revisions("invoice", &[(1, WORKFLOW, "aaa"), (2, WORKFLOW, "bbb")]);
    let revision = |digest: &str| id("WorkflowRevision", &format!("{WORKFLOW}/invoice-{digest}"));
    let revisions = json!([revision("aaa"), revision("bbb")]);
    let events = json!([id("Event", "1"), id("Event", "2"), id("Event", "3")]);
    let ids = json!([
        id("Workflow", WORKFLOW),
        id("WorkflowRun", RUN),
        id("WorkflowRun", FAILED_RUN),
        id("WorkflowRun", QUEUED_RUN)
    ]);
    let entities = json!([
        {"__typename": "Workflow", "id": id("Workflow", WORKFLOW)},
        {"__typename": "WorkflowRun", "id": id("WorkflowRun", RUN)},
        {"__typename": "WorkflowRun", "id": id("WorkflowRun", FAILED_RUN)},
    ]);
    for (document, variables, expected) in [
        ("{ workflowRuns(first: 3) { nodes { name } } }", json!({}), 1),
        ("{ workflowRuns(first: 3) { nodes { name workflow { name } } } }", json!({}), 2),
        ("{ workflowRuns(first: 3) { nodes { input output steps { name output } } } }", json!({}), 3),
        ("{ workflows(first: 3) { nodes { name runs(first: 3) { nodes { name } } } } }", json!({}), 2),
        (
            "{ workflows(first: 3) { nodes { runs(last: 3, orderBy: CREATED_AT_ASC) { nodes { workflow { steps } } } } } }",
            json!({}),
            5,
        ),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({"ids": ids}), 2),
        ("query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }", json!({"r": entities}), 2),
        (
            "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on WorkflowRun { workflow { name } } } }",
            json!({"ids": ids}),
            3,
        ),
        ("{ plans(first: 5) { nodes { name } } }", json!({}), 1),
        ("{ workflowRuns(first: 3) { nodes { events(first: 2) { nodes { id } } } } }", json!({}), 2),
        (
            "{ workflowRuns(first: 3) { nodes { events(last: 1, before: \"9\") { nodes { id } } } } }",
            json!({}),
            2,
        ),
        // The list, its length, a page of the runs of each, and the numbers of those runs.
        ("{ workflows(first: 3) { totalCount nodes { runs(first: 1) { totalCount } } } }", json!({}), 4),
        // The list, the objects of its workflows, and the namespace of the tenant.
        (
            "{ workflows(first: 3) { nodes { revisions(first: 2) { totalCount nodes { name } } } } }",
            json!({}),
            3,
        ),
        ("{ workflows(first: 3) { nodes { revisions(first: 2) { nodes { definition } } } } }", json!({}), 5),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({"ids": revisions}), 2),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({"ids": events}), 1),
        ("{ tenant { slug } viewer { tenant { slug plan { name } } } }", json!({}), 2),
    ] {
        QUERIES.set(0);
        let answer = server.graphql("viewer", document, variables).await;
        assert!(answer.body["errors"].is_null(), "{document}: {}", answer.body);
        assert_eq!(QUERIES.get(), expected, "{document}");
    }
}

/// The number of statements does not grow with the number of roles, keys and invitations: one for each kind, and one more where the policies
/// of roles are read for their permissions.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_kind_of_access_takes_one_statement(pool: PgPool) {
    let server = Server::start(&pool).await;
    tracing::subscriber::set_global_default(Counter).ok();
    server.add_users(&pool).await;
    server.add_keys(&pool).await;
    server.add_roles(&pool).await;
    server.get("acme", "owner", "/v1/me").await;
    let other = |id: &str| format!("{}2", &id[..id.len() - 1]);
    let ids = json!([
        id("User", ANNA),
        id("User", BOB),
        id("Role", "viewer"),
        id("Role", ROLE),
        id("Role", &other(ROLE)),
        id("Policy", POLICY),
        id("Policy", &other(POLICY)),
        id("Invitation", INVITATION),
        id("ApiKey", API_KEY),
        id("ServiceAccount", SERVICE_ACCOUNT),
    ]);
    for (document, variables, expected) in [
        ("{ roles(first: 10) { nodes { name permissions } } }", json!({}), 2),
        ("{ roles(first: 10) { nodes { name policies { name effect } } } }", json!({}), 3),
        ("{ policies(first: 10) { totalCount nodes { name } } }", json!({}), 2),
        ("{ invitations(first: 10) { nodes { email user { roles } } } }", json!({}), 2),
        ("{ apiKeys(first: 10) { nodes { name user { email } serviceAccount { name } } } }", json!({}), 2),
        // Users, roles, the policies of the roles, policies, invitations, API keys and service accounts.
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({"ids": ids}), 7),
    ] {
        QUERIES.set(0);
        let answer = server.graphql("owner", document, variables).await;
        assert!(answer.body["errors"].is_null(), "{document}: {}", answer.body);
        assert!(!answer.body["data"].to_string().contains("[null"), "{document}: {}", answer.body);
        assert_eq!(QUERIES.get(), expected, "{document}");
    }
}
