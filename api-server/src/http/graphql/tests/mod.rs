//! Tests of GraphQL over HTTP, through the complete router.

mod bulk;
mod connections;
mod events;
mod federation;
mod guide;
mod limits;
mod platform;
mod statements;
mod trusted_documents;
mod writes;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::http::testing::{ACME, Answer, QUEUED_RUN, RUN, Server, WORKFLOW};

const OVERVIEW: &str = "query ($first: Int!) {
  tenant { slug plan { name } }
  workflows(first: $first) {
    nodes { name runs(first: 5) { nodes { name status output workflow { name } steps { name } } } }
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

/// REST and GraphQL say why a run waits, in the words of the API.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_run_says_why_it_waits(pool: PgPool) {
    let server = Server::start(&pool).await;
    let queue = json!({"position": 2, "reason": "PlanConcurrency", "message": "5 of 5 runs are running"});
    let update = "update workflow_runs set queue = $2::json where id = $1::uuid";
    sqlx::query(update).bind(QUEUED_RUN).bind(queue.to_string()).execute(&pool).await.unwrap();
    let expected = json!({"position": 2, "reason": "PLAN_CONCURRENCY", "message": "5 of 5 runs are running"});
    let rest = server.get("acme", "viewer", &format!("/v1/workflow-runs/{QUEUED_RUN}")).await;
    assert_eq!(rest.body["queue"], expected);
    let query = "query ($id: ID!) { workflowRun(id: $id) { queue { position reason message } } }";
    let answer = server.graphql("viewer", query, json!({"id": id("WorkflowRun", QUEUED_RUN)})).await;
    assert_eq!(answer.body["data"]["workflowRun"]["queue"], expected, "{}", answer.body);
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
