//! Tests of connections and of objects by their IDs.

use axum::http::Request;
use protocol::internal::{LogBatch, LogLine, LogStream, logs_path};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{ACME, ASSIGNEE, QUEUED_RUN, RUN, Server, WORKFLOW};

/// Paging through a connection returns every node exactly once.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn connections_contain_every_node_once(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($after: String) {
      workflowRuns(first: 2, after: $after) { edges { cursor node { name } } pageInfo { hasNextPage endCursor } }
    }";
    let (mut after, mut names) = (Value::Null, Vec::new());
    loop {
        let answer = server.graphql("viewer", document, json!({"after": after})).await;
        let runs = answer.body["data"]["workflowRuns"].clone();
        names.extend(runs["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["name"].clone()));
        after = runs["pageInfo"]["endCursor"].clone();
        if runs["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(names, ["report-1", "invoice-2", "invoice-1"]);
}

/// A page before a cursor has the nodes that precede it, in the order of the list, and the pages in both directions are the same.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn connections_are_read_backward(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($last: Int!, $before: String, $order: WorkflowRunOrder!) {
      workflowRuns(last: $last, before: $before, orderBy: $order) {
        nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }";
    for (order, expected) in [
        ("CREATED_AT_DESC", ["report-1", "invoice-2", "invoice-1"]),
        ("CREATED_AT_ASC", ["invoice-1", "invoice-2", "report-1"]),
    ] {
        let page = async |before: Value| {
            let variables = json!({"last": 2, "before": before, "order": order});
            let mut answer = server.graphql("viewer", document, variables).await;
            assert!(answer.body["errors"].is_null(), "{}", answer.body);
            answer.body["data"]["workflowRuns"].take()
        };
        let end = page(Value::Null).await;
        assert_eq!(end["nodes"], json!([{"name": expected[1]}, {"name": expected[2]}]));
        assert_eq!(
            (&end["pageInfo"]["hasNextPage"], &end["pageInfo"]["hasPreviousPage"]),
            (&json!(false), &json!(true))
        );
        let begin = page(end["pageInfo"]["startCursor"].clone()).await;
        assert_eq!(begin["nodes"], json!([{"name": expected[0]}]));
        assert_eq!(
            (&begin["pageInfo"]["hasNextPage"], &begin["pageInfo"]["hasPreviousPage"]),
            (&json!(true), &json!(false))
        );
    }
    for arguments in ["", "first: 1, last: 1", "first: 1, before: \"x\"", "last: 1, after: \"x\""] {
        let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
        let document = format!("{{ workflowRuns{arguments} {{ nodes {{ id }} }} }}");
        let refused = server.graphql("viewer", &document, json!({})).await;
        assert_eq!(code(&refused), Some("INVALID_PARAMETER"), "{arguments}: {}", refused.body);
    }
    // A cursor belongs to its order.
    let first = server.graphql("viewer", document, json!({"last": 1, "order": "CREATED_AT_ASC"})).await;
    let cursor = &first.body["data"]["workflowRuns"]["pageInfo"]["startCursor"];
    let other = server
        .graphql("viewer", document, json!({"last": 1, "before": cursor, "order": "CREATED_AT_DESC"}))
        .await;
    assert_eq!(code(&other), Some("INVALID_CURSOR"), "{}", other.body);
}

/// The runs of several workflows are read backward, filtered and ordered, each with its own page.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn nested_connections_have_the_same_arguments(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "{ workflows(first: 3) { nodes { name
      oldest: runs(last: 1) { nodes { name } pageInfo { hasPreviousPage } }
      failed: runs(first: 5, filter: {status: FAILED}, orderBy: CREATED_AT_ASC) { nodes { name } }
      later: runs(first: 5, filter: {createdAfter: \"2026-11-24T08:00:30Z\"}) { nodes { name } }
    } } }";
    let answer = server.graphql("viewer", document, json!({})).await;
    let names =
        |names: &[&str]| json!({"nodes": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()});
    let oldest = |found: &[&str], more: bool| {
        let mut page = names(found);
        page["pageInfo"] = json!({"hasPreviousPage": more});
        page
    };
    assert_eq!(
        answer.body["data"]["workflows"]["nodes"],
        json!([
            {"name": "report", "oldest": oldest(&["report-1"], false), "failed": names(&[]), "later": names(&["report-1"])},
            {"name": "invoice", "oldest": oldest(&["invoice-1"], true), "failed": names(&["invoice-2"]), "later": names(&["invoice-2"])},
            {"name": "attic", "oldest": oldest(&[], false), "failed": names(&[]), "later": names(&[])},
        ]),
        "{}",
        answer.body
    );
}

/// Objects of all types are found at once by their global IDs, in the order of the IDs, and with the permission of each type.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn objects_of_all_types_are_found_at_once(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
      ... on Tenant { slug } ... on Plan { name } ... on Workflow { name } ... on WorkflowRun { name } } }";
    let plan = "d0000000-0000-4000-8000-000000000001";
    let ids = [
        id("WorkflowRun", RUN),
        id("Plan", plan),
        id("Workflow", RUN),
        id("Tenant", ACME),
        id("Workflow", WORKFLOW),
        "x".to_owned(),
    ];
    let answer = server.graphql("viewer", document, json!({"ids": ids})).await;
    assert_eq!(
        answer.body["data"]["nodes"],
        json!([
            {"__typename": "WorkflowRun", "id": ids[0], "name": "invoice-1"},
            {"__typename": "Plan", "id": ids[1], "name": "starter"},
            null,
            {"__typename": "Tenant", "id": ids[3], "slug": "acme"},
            {"__typename": "Workflow", "id": ids[4], "name": "invoice"},
            null,
        ]),
        "{}",
        answer.body
    );
    let billing = server.graphql("billing", document, json!({"ids": [ids[0]]})).await;
    assert_eq!(code(&billing), Some("FORBIDDEN"));
    let many = server.graphql("viewer", document, json!({"ids": vec![&ids[0]; 101]})).await;
    assert!(many.body["errors"][0]["message"].as_str().unwrap().contains("100"), "{}", many.body);
}

/// The log of a run is read page by page with the cursors and filters of REST, by those who may read logs.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_log_of_a_run_is_a_connection(pool: PgPool) {
    let server = Server::start(&pool).await;
    let line = |seq: u64, stream: LogStream| LogLine {
        seq,
        time: "2026-11-26T08:00:00Z".to_owned(),
        step: "write".to_owned(),
        item: None,
        attempt: 1,
        stream,
        line: format!("line {seq}"),
        partial: false,
    };
    let lines = vec![line(0, LogStream::Stdout), line(1, LogStream::Stderr), line(2, LogStream::Stdout)];
    let body = serde_json::to_vec(&LogBatch { pod: "assignee".to_owned(), lines }).unwrap();
    let request = Request::post(logs_path(QUEUED_RUN)).header("content-type", "application/json");
    assert_eq!(server.internal(ASSIGNEE, request, body).await.status, 204);
    let document = "query ($id: ID!, $after: String, $filter: LogFilter) { workflowRun(id: $id) {
      logs(first: 2, after: $after, filter: $filter) { nextCursor pageInfo { hasNextPage endCursor } nodes { line stream pod attempt } } } }";
    let read = async |role: &str, after: Value, filter: Value| {
        let variables = json!({"id": id("WorkflowRun", QUEUED_RUN), "after": after, "filter": filter});
        server.graphql(role, document, variables).await
    };
    let first = read("viewer", Value::Null, Value::Null).await.body["data"]["workflowRun"]["logs"].clone();
    assert_eq!(
        first["nodes"][1],
        json!({"line": "line 1", "stream": "STDERR", "pod": "assignee", "attempt": 1})
    );
    assert_eq!(
        (&first["pageInfo"]["hasNextPage"], &first["pageInfo"]["endCursor"]),
        (&json!(true), &first["nextCursor"])
    );
    let second = read("viewer", first["nextCursor"].clone(), Value::Null).await;
    let second = &second.body["data"]["workflowRun"]["logs"];
    assert_eq!(
        (&second["nodes"][0]["line"], second["nodes"].as_array().unwrap().len()),
        (&json!("line 2"), 1)
    );
    let none = read("viewer", Value::Null, json!({"stream": "SYSTEM"})).await;
    let none = &none.body["data"]["workflowRun"]["logs"];
    assert!(none["nodes"] == json!([]) && none["nextCursor"].is_string(), "{none}");
    let wrong = read("viewer", json!("x"), Value::Null).await;
    assert_eq!(code(&wrong), Some("INVALID_CURSOR"), "{}", wrong.body);
    assert_eq!(code(&read("billing", Value::Null, Value::Null).await), Some("FORBIDDEN"));
}
