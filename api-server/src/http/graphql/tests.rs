//! Tests of GraphQL over HTTP, through the complete router.

use std::{cell::Cell, fmt::Debug};

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;
use tracing::{Event, Metadata, Subscriber, field::Field, span};

use crate::http::testing::{ACME, Answer, FAILED_RUN, QUEUED_RUN, RUN, Server, WORKFLOW};

const OVERVIEW: &str = "query ($first: Int!) {
  tenant { slug plan { name } }
  workflows(first: $first) {
    nodes { name runs(first: 5) { nodes { name status output workflow { name } steps { name } } } }
  }
}";
const START: &str = "mutation ($input: StartWorkflowRunInput!) {
  startWorkflowRun(input: $input) {
    workflowRun { id } userErrors { code message field } clientMutationId
  }
}";

fn id(kind: &str, uuid: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(format!("{kind}:{uuid}"))
}

fn code(answer: &Answer) -> Option<&str> {
    answer.body["errors"][0]["extensions"]["code"].as_str()
}

/// One document can select everything from the tenant to the steps of its runs.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_graph_leads_from_tenant_to_steps(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.graphql("viewer", OVERVIEW, json!({"first": 3})).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.body);
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

/// A run is found by its global ID.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_run_is_found_by_its_id(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($id: ID!) {
      workflowRun(id: $id) { name status trigger { kind by } input output startedAt error { code } }
      node(id: $id) { id ... on WorkflowRun { workflowName } }
    }";
    let answer = server.graphql("viewer", document, json!({"id": id("WorkflowRun", RUN)})).await;
    insta::assert_json_snapshot!(answer.body);
    let missing = server.graphql("viewer", document, json!({"id": id("Workflow", RUN)})).await;
    assert_eq!(missing.body["data"], json!({"workflowRun": null, "node": null}));
}

/// Objects of other tenants are null.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn objects_of_other_tenants_are_null(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "query ($run: ID!, $workflow: ID!, $tenant: ID!) {
      run: node(id: $run) { id } workflow(id: $workflow) { id } tenant: node(id: $tenant) { id }
    }";
    let variables = json!({
        "run": id("WorkflowRun", RUN), "workflow": id("Workflow", WORKFLOW), "tenant": id("Tenant", ACME)
    });
    let body = json!({"query": document, "variables": variables});
    let answer = server.post("globex", "owner", "/graphql", &body).await;
    assert_eq!(answer.body["data"], json!({"run": null, "workflow": null, "tenant": null}));
}

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

/// Starting a run requires a permission that viewers lack.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_viewer_may_not_start_a_run(pool: PgPool) {
    let server = Server::start(&pool).await;
    let input = json!({"input": {"workflowId": id("Workflow", WORKFLOW)}});
    let answer = server.graphql("viewer", START, input).await;
    assert_eq!((answer.status, code(&answer)), (200, Some("FORBIDDEN")));
    assert_eq!(answer.body["data"], Value::Null);
}

/// User errors name the input field.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn user_errors_are_part_of_the_payload(pool: PgPool) {
    let server = Server::start(&pool).await;
    let input = json!({"input": {
        "workflowId": id("Workflow", WORKFLOW), "input": {"url": 7}, "clientMutationId": "m-1"
    }});
    insta::assert_json_snapshot!(server.graphql("builder", START, input).await.body);
}

/// A failure of the server is an error of the field, not a user error.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_server_failure_is_an_error(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.go_down();
    let input = json!({"input": {"workflowId": id("Workflow", WORKFLOW), "input": {"url": "x"}}});
    let answer = server.graphql("builder", START, input).await;
    assert_eq!(code(&answer), Some("UNAVAILABLE"));
}

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

/// Deep nesting never reaches the parser.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_deeply_nested_document_is_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.graphql("viewer", &"{a".repeat(50_000), json!({})).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("nested"), "{}", answer.body);
}

/// Introspection requires a permission.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn introspection_requires_a_permission(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "{ __schema { queryType { name } } }";
    let admin = server.graphql("admin", document, json!({})).await;
    assert_eq!(admin.body["data"]["__schema"]["queryType"]["name"], "Query");
    let viewer = server.graphql("viewer", document, json!({})).await;
    assert_eq!(viewer.body["data"]["__schema"], Value::Null, "{}", viewer.body);
}

/// A link on a web page cannot trigger a mutation.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn get_supports_queries_only(pool: PgPool) {
    let server = Server::start(&pool).await;
    let query = server.get("acme", "viewer", "/graphql?query=%7Bviewer%7Bemail%7D%7D").await;
    assert_eq!(query.body["data"]["viewer"]["email"], "anna@acme.example");
    let mutation =
        "mutation%7BcancelWorkflowRun(input:%7BworkflowRunId:%221%22,mode:NOW%7D)%7BclientMutationId%7D%7D";
    let answer = server.get("acme", "owner", &format!("/graphql?query={mutation}")).await;
    assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "POST"));
}

/// Statuses and media types follow the GraphQL over HTTP specification.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn statuses_and_media_types_follow_the_specification(pool: PgPool) {
    let server = Server::start(&pool).await;
    let token = server.issuer.token("acme", "viewer");
    for (accept, body, status, content_type) in [
        ("application/json", "{\"query\": \"{\"}", 200, "application/json; charset=utf-8"),
        (
            "application/graphql-response+json",
            "{\"query\": \"{\"}",
            400,
            "application/graphql-response+json; charset=utf-8",
        ),
        (
            "application/graphql-response+json",
            "{\"query\": \"{ viewer { email } }\"}",
            200,
            "application/graphql-response+json; charset=utf-8",
        ),
        ("application/json", "{\"query\": 7}", 400, "application/json; charset=utf-8"),
        ("application/json", "{}", 400, "application/json; charset=utf-8"),
        (
            "application/json",
            "[{\"query\": \"{ viewer { email } }\"}]",
            400,
            "application/json; charset=utf-8",
        ),
        ("text/html", "{\"query\": \"{ viewer { email } }\"}", 406, "application/problem+json"),
    ] {
        let request = Request::post("/graphql")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(Body::from(body))
            .unwrap();
        let answer = server.send(request).await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (status, &content_type.parse().unwrap()),
            "{body}"
        );
        assert_eq!(answer.body.get("data").is_some(), body.contains("viewer") && status == 200, "{body}");
    }
    let text =
        server.post_raw(&token, "/graphql", "text/plain", "{\"query\": \"{ viewer { email } }\"}").await;
    assert_eq!(text.status, 415);
    let large = format!(
        "{{\"query\": \"{{ viewer {{ email }} }}\", \"operationName\": \"{}\"}}",
        "x".repeat(300_000)
    );
    assert_eq!(server.post_raw(&token, "/graphql", "application/json", &large).await.status, 413);
}

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
            let query = field.name() == "summary" && format!("{value:?}").to_lowercase().contains("select ");
            QUERIES.set(QUERIES.get() + usize::from(query));
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Runs can also be decided and rerun through GraphQL.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn runs_can_be_decided_and_rerun(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval", "roles": ["admin"]}));
    let decide = "mutation ($input: DecideWorkflowRunInput!) { decideWorkflowRun(input: $input) {
        workflowRun { status } userErrors { code } } }";
    let input =
        json!({"input": {"workflowRunId": id("WorkflowRun", QUEUED_RUN), "key": "write", "approved": false}});
    let refused = server.graphql("member", decide, input.clone()).await.body;
    assert_eq!(refused["data"]["decideWorkflowRun"]["userErrors"][0]["code"], "FORBIDDEN");
    let decided = server.graphql("admin", decide, input).await.body;
    assert_eq!(decided["data"]["decideWorkflowRun"]["workflowRun"]["status"], "SUSPENDED", "{decided}");

    let rerun = "mutation ($input: RerunWorkflowRunInput!) { rerunWorkflowRun(input: $input) {
        workflowRun { trigger { kind } } userErrors { code message } } }";
    let input = json!({"input": {"workflowRunId": id("WorkflowRun", FAILED_RUN), "from": {"failed": true}}});
    let again = server.graphql("operator", rerun, input).await.body;
    assert_eq!(again["data"]["rerunWorkflowRun"]["workflowRun"]["trigger"]["kind"], "RERUN", "{again}");
}

/// An idempotency key means the same run in REST and GraphQL, and is not accepted for another one.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_key_means_the_same_run_as_in_rest(pool: PgPool) {
    let server = Server::start(&pool).await;
    let (path, input) = (format!("/v1/workflows/{WORKFLOW}/runs"), json!({"url": "https://acme.example"}));
    let body = json!({"input": input});
    let first = server.post_with_key("acme", "builder", &path, &body, "order-7").await;
    let start = async |input: &Value| {
        let input =
            json!({"workflowId": id("Workflow", WORKFLOW), "input": input, "idempotencyKey": "order-7"});
        let body = server.graphql("builder", START, json!({"input": input})).await.body;
        body["data"]["startWorkflowRun"].clone()
    };
    let again = start(&input).await;
    assert_eq!(again["workflowRun"]["id"], id("WorkflowRun", first.body["id"].as_str().unwrap()), "{again}");
    let other = start(&json!({"url": "https://globex.example"})).await;
    assert_eq!(other["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    let records: i64 = sqlx::query_scalar("select count(*) from idempotency_keys where status is not null")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(records, 1, "both have the same record");
    let again = server.post_with_key("acme", "builder", &path, &body, "order-7").await;
    assert_eq!(
        (&again.body["id"], again.headers.contains_key("idempotent-replayed")),
        (&first.body["id"], true)
    );
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
