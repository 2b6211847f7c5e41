//! Tests of the limits of documents and answers.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{FAILED_RUN, QUEUED_RUN, RUN, Server};

/// The depth and the cost of a document are bounded.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn documents_that_are_too_deep_or_too_costly_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    // Fifteen levels of two fields whose types refer to each other.
    let deep = (0..5)
        .fold("id".to_owned(), |inner, _| format!("workflow {{ runs(first: 1) {{ nodes {{ {inner} }} }} }}"));
    let deep = format!("{{ workflowRuns(first: 1) {{ nodes {{ {deep} }} }} }}");
    let costly = "{ workflows(first: 100) { nodes { runs(first: 100) { nodes { id } } } } }";
    for document in [deep.as_str(), costly] {
        let answer = server.graphql("viewer", document, json!({})).await;
        assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("too"), "{}", answer.body);
        assert!(answer.body.get("data").is_none());
    }
    let unbounded = server.graphql("viewer", "{ workflows(first: 101) { nodes { id } } }", json!({})).await;
    assert!(unbounded.body["errors"][0]["message"].as_str().unwrap().contains("100"), "{}", unbounded.body);
}

/// Deep nesting never reaches the parser, and is named however deep it is: brackets in the text of a document take no memory.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_deeply_nested_document_is_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.graphql("viewer", &"{a".repeat(120_000), json!({})).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("nested"), "{}", answer.body);
}

/// A short document whose fragments double costs nothing, and another tenant is answered.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn fragments_that_double_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let fragment = |level| format!("fragment F{level} on Query {{ ...F{0} ...F{0} }} ", level + 1);
    let fragments: String = (0..25).map(fragment).collect();
    let document = format!("{{ ...F0 }} {fragments} fragment F25 on Query {{ viewer {{ email }} }}");
    let attack = server.graphql("viewer", &document, json!({}));
    let (attack, neighbour) = tokio::join!(attack, server.get("globex", "viewer", "/v1/me"));
    assert_eq!((attack.status, neighbour.status), (400, 200));
    assert!(attack.body["errors"][0]["message"].as_str().unwrap().contains("expand"), "{}", attack.body);
}

/// Directives are bounded, and introspection of a type needs the permission, too.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn directives_are_bounded(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document =
        |number: usize| format!("{{ viewer {{ email {} }} }}", "@include(if: true) ".repeat(number));
    // A directive may be used once at a place, so that the fields have one each.
    let fields = |number: usize| {
        let fields: String =
            (0..number).map(|index| format!("a{index}: email @include(if: true) ")).collect();
        format!("{{ viewer {{ {fields} }} }}")
    };
    assert!(server.graphql("viewer", &fields(8), json!({})).await.body["errors"].is_null());
    let refused = server.graphql("viewer", &document(9), json!({})).await;
    assert!(
        refused.body["errors"][0]["message"].as_str().unwrap().contains("directives"),
        "{}",
        refused.body
    );
    let hidden = server.graphql("viewer", "{ __type(name: \"Run\") { name } }", json!({})).await;
    assert!(hidden.body["data"]["__type"].is_null(), "{}", hidden.body);
}

/// The specs of many large workflows are refused before they are loaded; a list without them is returned.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_specs_of_workflows_are_bounded(pool: PgPool) {
    let server = Server::start(&pool).await;
    sqlx::query("update workflows set spec = json_build_object('steps', repeat('x', 1000000))")
        .execute(&pool)
        .await
        .unwrap();
    let document = "query($first: Int!) { workflows(first: $first) { nodes { name steps } } }";
    let all = server.graphql("viewer", document, json!({"first": 3})).await;
    assert_eq!(all.body["errors"][0]["extensions"]["code"], "RESPONSE_TOO_LARGE", "{}", all.body["errors"]);
    let some = server.graphql("viewer", document, json!({"first": 2})).await;
    assert!(some.body["errors"].is_null() && some.bytes.len() > 2_000_000, "{}", some.body["errors"]);
    let names = server.graphql("viewer", "{ workflows(first: 3) { nodes { name } } }", json!({})).await;
    assert_eq!(names.body["data"]["workflows"]["nodes"].as_array().unwrap().len(), 3);
}

/// The contents of many large runs are refused before they are loaded; fewer of them are returned.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_size_of_a_response_is_bounded(pool: PgPool) {
    let server = Server::start(&pool).await;
    for run in [RUN, FAILED_RUN, QUEUED_RUN] {
        sqlx::query("update workflow_runs set output = to_json(repeat('x', 1000000)) where id = $1::uuid")
            .bind(run)
            .execute(&pool)
            .await
            .unwrap();
    }
    let document = "query($first: Int!) { workflowRuns(first: $first) { nodes { output } } }";
    let all = server.graphql("viewer", document, json!({"first": 3})).await;
    assert_eq!(all.body["errors"][0]["extensions"]["code"], "RESPONSE_TOO_LARGE", "{}", all.body["errors"]);
    assert!(all.bytes.len() < 10_000, "{}", all.bytes.len());
    let some = server.graphql("viewer", document, json!({"first": 2})).await;
    assert!(some.body["errors"].is_null() && some.bytes.len() > 2_000_000, "{}", some.body["errors"]);
    // The same output three times needs three times the memory, with aliases and without.
    let id = id("WorkflowRun", RUN);
    for repeated in ["a: output b: output c: output", "output output output"] {
        let document = format!("{{ workflowRun(id: \"{id}\") {{ {repeated} }} }}");
        let refused = server.graphql("viewer", &document, json!({})).await;
        assert_eq!(refused.body["errors"][0]["extensions"]["code"], "RESPONSE_TOO_LARGE", "{repeated}");
    }
}

/// The size of an answer is bounded while it is built, also where it comes from fields that are small in the database.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_size_of_an_answer_is_bounded_while_it_is_built(pool: PgPool) {
    let server = Server::start(&pool).await;
    let error = json!({"kind": "User", "code": "X", "message": "x".repeat(500_000)});
    sqlx::query("update workflow_runs set error = $2::json where id = $1::uuid")
        .bind(FAILED_RUN)
        .bind(error.to_string())
        .execute(&pool)
        .await
        .unwrap();
    let document = |times: usize| {
        let fields: String = (0..times).map(|alias| format!("a{alias}: error {{ message }} ")).collect();
        format!("{{ workflowRun(id: \"{}\") {{ {fields} }} }}", id("WorkflowRun", FAILED_RUN))
    };
    let some = server.graphql("viewer", &document(8), json!({})).await;
    assert!(some.body["errors"].is_null() && some.bytes.len() > 4_000_000, "{}", some.body["errors"]);
    let many = server.graphql("viewer", &document(9), json!({})).await;
    assert_eq!((many.status, code(&many)), (200, Some("RESPONSE_TOO_LARGE")));
    assert_eq!((&many.body["data"], many.body["errors"].as_array().unwrap().len()), (&Value::Null, 1));
    assert_eq!(many.body["errors"][0]["path"][2], "message");
    // The same field without an alias is resolved as often, although it is in the answer once.
    let repeated = "error { message } ".repeat(200);
    let repeated = format!("{{ workflowRun(id: \"{}\") {{ {repeated} }} }}", id("WorkflowRun", FAILED_RUN));
    assert_eq!(code(&server.graphql("viewer", &repeated, json!({})).await), Some("RESPONSE_TOO_LARGE"));
}
