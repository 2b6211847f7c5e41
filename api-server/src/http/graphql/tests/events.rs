//! Tests of events, revisions and counts: what is found by an ID, and what a document can ask for.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{Answer, RUN, Server, WORKFLOW};

fn message(answer: &Answer) -> &str {
    answer.body["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{}", answer.body))
}

/// Events and revisions are found by their IDs, also by gateways of a federated graph, and those of another tenant are not.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn events_and_revisions_are_found_by_their_ids(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.set_revisions("invoice", &[(1, WORKFLOW, "aaa")]);
    let revision = id("WorkflowRevision", &format!("{WORKFLOW}/invoice-aaa"));
    let unknown = id("WorkflowRevision", &format!("{WORKFLOW}/../secrets"));
    let ids = [id("Event", "2"), revision.clone(), unknown, id("Event", "4711"), id("Event", "x")];
    let nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
    let found = server.graphql("viewer", nodes, json!({"ids": ids})).await;
    assert_eq!(
        found.body["data"]["nodes"],
        json!([
            {"__typename": "Event", "id": ids[0]},
            {"__typename": "WorkflowRevision", "id": revision},
            null,
            null,
            null,
        ]),
        "{}",
        found.body
    );
    let entities = "query ($r: [_Any!]!) { _entities(representations: $r) {
      ... on Event { id } ... on WorkflowRevision { number } ... on AuditEvent { id } } }";
    let representations = json!([
        {"__typename": "Event", "id": ids[0]},
        {"__typename": "WorkflowRevision", "id": revision},
        {"__typename": "AuditEvent", "id": id("AuditEvent", RUN)},
    ]);
    let found = server.graphql("auditor", entities, json!({"r": representations})).await;
    assert_eq!(
        found.body["data"]["_entities"],
        json!([{"id": ids[0]}, {"number": 1}, null]),
        "{}",
        found.body
    );
    let body = json!({"query": nodes, "variables": {"ids": [revision]}});
    let globex = server.post("globex", "owner", "/graphql", &body).await;
    assert_eq!(globex.body["data"]["nodes"], json!([null]), "{}", globex.body);
    for id in [&ids[0], &revision] {
        let refused = server.graphql("billing", nodes, json!({"ids": [id]})).await;
        assert_eq!(code(&refused), Some("FORBIDDEN"), "{id}");
    }
}

/// Following `nextCursor` returns every event once, also those that are added later, and a client that has missed some is told so.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn events_are_followed_by_their_cursors(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document =
        "query ($after: String) { events(first: 100, after: $after) { nextCursor nodes { kind data } } }";
    let read = async |after: Value| {
        let answer = server.graphql("viewer", document, json!({"after": after})).await;
        assert!(answer.body["errors"].is_null(), "{}", answer.body);
        answer.body["data"]["events"].clone()
    };
    let all = read(Value::Null).await;
    let none = read(all["nextCursor"].clone()).await;
    assert_eq!(none, json!({"nextCursor": all["nextCursor"], "nodes": []}));
    server.finish_queued_run().await;
    let added = read(none["nextCursor"].clone()).await;
    assert_eq!(added["nodes"][0]["data"]["status"], "SUCCEEDED", "{added}");
    sqlx::query("delete from events where seq <= 3").execute(&pool).await.unwrap();
    for (after, expected) in [("1", Some("EVENTS_EXPIRED")), ("3", None), ("x", Some("INVALID_CURSOR"))] {
        let answer = server.graphql("viewer", document, json!({"after": after})).await;
        assert_eq!(code(&answer), expected, "{after}: {}", answer.body);
    }
    // The page before the oldest event that is left.
    let before =
        "{ events(last: 10, before: \"4\") { nextCursor nodes { id } pageInfo { hasPreviousPage } } }";
    let begin = server.graphql("viewer", before, json!({})).await;
    assert_eq!(
        begin.body["data"]["events"],
        json!({"nextCursor": "0", "nodes": [], "pageInfo": {"hasPreviousPage": false}})
    );
}

/// What a document can count, list and read in Kubernetes is bounded.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn counts_and_requests_to_kubernetes_are_bounded(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.set_revisions("invoice", &[(1, WORKFLOW, "aaa")]);
    // Three workflows with 30 counts each, and ten more.
    let counts =
        |number: usize| -> String { (0..number).map(|alias| format!("c{alias}: totalCount ")).collect() };
    let document = |of_each: usize, more: usize| {
        format!(
            "{{ workflows(first: 3) {{ nodes {{ runs(first: 1) {{ {} }} }} }} workflowRuns(first: 1) {{ {} }} }}",
            counts(of_each),
            counts(more)
        )
    };
    let some = server.graphql("viewer", &document(20, 10), json!({})).await;
    assert!(some.body["errors"].is_null(), "{}", some.body);
    // Fragments repeat what aliases cannot.
    let many = "query { a: workflowRuns(first: 1) { ...T } b: workflowRuns(first: 1) { ...T } c: workflowRuns(first: 1) { ...T }
      d: workflowRuns(first: 1) { ...T } e: workflowRuns(first: 1) { ...T } f: workflowRuns(first: 1) { ...T } }
      fragment T on WorkflowRunConnection { TOTALS }";
    let many = many.replace("TOTALS", &counts(20));
    let refused = server.graphql("viewer", &many, json!({})).await;
    assert_eq!(code(&refused), Some("INVALID_PARAMETER"), "{}", refused.body);
    assert!(message(&refused).contains("100 lists"), "{}", refused.body);
    for costly in [
        "{ workflows(first: 100) { nodes { revisions(first: 10) { nodes { name } } } } }",
        "{ workflows(first: 10) { nodes { revisions(first: 10) { nodes { definition } } } } }",
        "{ workflowRuns(first: 100) { nodes { events(first: 100) { nodes { id } } } } }",
        "{ a: workflows(first: 60) { nodes { revisionByNumber(number: 1) { name } } }
           b: workflows(first: 60) { nodes { revisionByNumber(number: 2) { name } } }
           c: workflows(first: 60) { nodes { revisionByNumber(number: 3) { name } } } }",
    ] {
        let refused = server.graphql("viewer", costly, json!({})).await;
        assert!(message(&refused).contains("complex"), "{costly}: {}", refused.body);
    }
}

/// The definitions of revisions are bounded like the contents of workflows, also if a document repeats one.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_definitions_of_revisions_are_bounded(pool: PgPool) {
    let server = Server::start(&pool).await;
    server
        .kubernetes
        .set_revisions("invoice", &[(1, WORKFLOW, "aaa"), (2, WORKFLOW, "bbb"), (3, WORKFLOW, "ccc")]);
    server.kubernetes.set_revision_text(&"x".repeat(900_000));
    let document = "query ($id: ID!, $first: Int!) { workflow(id: $id) {
      revisions(first: $first) { nodes { definition } } } }";
    let read = async |first: usize| {
        server.graphql("viewer", document, json!({"id": id("Workflow", WORKFLOW), "first": first})).await
    };
    let some = read(2).await;
    assert!(some.body["errors"].is_null() && some.bytes.len() > 1_800_000, "{}", some.body["errors"]);
    assert_eq!(code(&read(3).await), Some("RESPONSE_TOO_LARGE"));
    let revision = id("WorkflowRevision", &format!("{WORKFLOW}/invoice-aaa"));
    let repeated =
        format!("{{ workflowRevision(id: \"{revision}\") {{ definition definition definition }} }}");
    assert_eq!(code(&server.graphql("viewer", &repeated, json!({})).await), Some("RESPONSE_TOO_LARGE"));
}
