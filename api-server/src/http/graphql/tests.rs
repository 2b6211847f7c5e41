//! GraphQL as clients meet it: over HTTP, through the whole router.

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

/// A client cannot get what it needs in one document.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_graph_leads_from_tenant_to_steps(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.graphql("viewer", OVERVIEW, json!({"first": 3})).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!(answer.body);
}

/// A document over many objects makes a query for each of them, and takes the database down.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn queries_do_not_grow_with_rows(pool: PgPool) {
    let server = Server::start(&pool).await;
    tracing::subscriber::set_global_default(Counter).ok();
    let mut queries = Vec::new();
    for first in [2, 3] {
        QUERIES.set(0);
        let answer = server.graphql("viewer", OVERVIEW, json!({"first": first})).await;
        assert_eq!(answer.body["data"]["workflows"]["nodes"].as_array().unwrap().len(), first);
        queries.push(QUERIES.get());
    }
    assert!(queries[0] > 0, "queries are counted at all");
    assert_eq!(queries[0], queries[1]);
}

/// A run looks otherwise here than in REST, or cannot be found by the id that was given out.
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

/// Another business reads what is not its own.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn anothers_objects_are_null(pool: PgPool) {
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

/// A client that pages misses nodes, or sees one twice.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn connections_are_read_page_by_page(pool: PgPool) {
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

/// A viewer spends the tenant's money.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_viewer_may_not_start_a_run(pool: PgPool) {
    let server = Server::start(&pool).await;
    let input = json!({"input": {"workflowId": id("Workflow", WORKFLOW)}});
    let answer = server.graphql("viewer", START, input).await;
    assert_eq!((answer.status, code(&answer)), (200, Some("FORBIDDEN")));
    assert_eq!(answer.body["data"], Value::Null);
}

/// A form cannot show beside which field the mistake is.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn mistakes_of_the_user_are_part_of_the_payload(pool: PgPool) {
    let server = Server::start(&pool).await;
    let input = json!({"input": {
        "workflowId": id("Workflow", WORKFLOW), "input": {"url": 7}, "clientMutationId": "m-1"
    }});
    insta::assert_json_snapshot!(server.graphql("builder", START, input).await.body);
}

/// A mutation that failed on our side is taken for the user's mistake, or for a success.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_failure_of_ours_is_an_error(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.kubernetes.go_down();
    let input = json!({"input": {"workflowId": id("Workflow", WORKFLOW), "input": {"url": "x"}}});
    let answer = server.graphql("builder", START, input).await;
    assert_eq!(code(&answer), Some("UNAVAILABLE"));
}

/// One document occupies the server for minutes.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn documents_that_are_too_deep_or_too_dear_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    // Fifteen levels of two fields that lead to each other.
    let deep = (0..5)
        .fold("id".to_owned(), |inner, _| format!("workflow {{ runs(first: 1) {{ nodes {{ {inner} }} }} }}"));
    let deep = format!("{{ workflowRuns(first: 1) {{ nodes {{ {deep} }} }} }}");
    let dear = "{ workflows(first: 100) { nodes { runs(first: 100) { nodes { id } } } } }";
    for document in [deep.as_str(), dear] {
        let answer = server.graphql("viewer", document, json!({})).await;
        assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("too"), "{}", answer.body);
        assert!(answer.body.get("data").is_none());
    }
    let unbounded = server.graphql("viewer", "{ workflows(first: 101) { nodes { id } } }", json!({})).await;
    assert!(unbounded.body["errors"][0]["message"].as_str().unwrap().contains("100"), "{}", unbounded.body);
}

/// The parser descends a hundred thousand times for one request.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_document_of_nothing_but_brackets_is_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let answer = server.graphql("viewer", &"{a".repeat(100_000), json!({})).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body["errors"][0]["message"].as_str().unwrap().contains("nested"), "{}", answer.body);
}

/// Anyone can read the whole schema, or nobody can.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_schema_is_shown_to_those_who_may_see_it(pool: PgPool) {
    let server = Server::start(&pool).await;
    let document = "{ __schema { queryType { name } } }";
    let admin = server.graphql("admin", document, json!({})).await;
    assert_eq!(admin.body["data"]["__schema"]["queryType"]["name"], "Query");
    let viewer = server.graphql("viewer", document, json!({})).await;
    assert_eq!(viewer.body["data"]["__schema"], Value::Null, "{}", viewer.body);
}

/// A link on a web page changes something in the name of whoever follows it.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn only_queries_are_taken_by_get(pool: PgPool) {
    let server = Server::start(&pool).await;
    let query = server.get("acme", "viewer", "/graphql?query=%7Bviewer%7Bemail%7D%7D").await;
    assert_eq!(query.body["data"]["viewer"]["email"], "anna@acme.example");
    let mutation =
        "mutation%7BcancelWorkflowRun(input:%7BworkflowRunId:%221%22,mode:NOW%7D)%7BclientMutationId%7D%7D";
    let answer = server.get("acme", "owner", &format!("/graphql?query={mutation}")).await;
    assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "POST"));
}

/// Clients by the specification cannot tell a refused document from a failed field; older ones fail on statuses.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn statuses_and_media_types_are_those_of_the_specification(pool: PgPool) {
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
    /// The queries of this test: its runtime has one thread, and no other test shares it.
    static QUERIES: Cell<usize> = const { Cell::new(0) };
}

/// Counts the queries that sqlx reports.
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
        // Other statements are of connections and transactions, and depend on which connection is free.
        event.record(&mut |field: &Field, value: &dyn Debug| {
            let query = field.name() == "summary" && format!("{value:?}").to_lowercase().contains("select ");
            QUERIES.set(QUERIES.get() + usize::from(query));
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// An approval, or a rerun, works over REST alone.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn runs_are_decided_on_and_repeated(pool: PgPool) {
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
