//! Tests of the mutations of runs, workflows and the own tenant.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{ACME, FAILED_RUN, QUEUED_RUN, Server, WORKFLOW};

const START: &str = "mutation ($input: StartWorkflowRunInput!) {
  startWorkflowRun(input: $input) {
    workflowRun { id } userErrors { code message field } clientMutationId
  }
}";

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

/// A mutation creates, changes, archives and restores a workflow with the same answers as REST, and errors name the fields of the
/// input.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn workflows_are_created_changed_and_archived(pool: PgPool) {
    let server = Server::start(&pool).await;
    let payload = "workflow { id name status generation definition steps } userErrors { code message field } clientMutationId";
    let execute = async |role: &str, mutation: &str, input: Value| {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!("mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {payload} }} }}");
        let mut answer = server.graphql(role, &query, json!({"input": input})).await;
        match answer.body["data"][mutation].take() {
            Value::Null => answer.body,
            payload => payload,
        }
    };
    let steps = json!([{"name": "one", "expr": {"value": 1}}]);
    let new = json!({"name": "orders", "steps": steps, "timeout": "5m", "idempotencyKey": "orders-1", "clientMutationId": "m-1"});
    let refused = execute("viewer", "createWorkflow", new.clone()).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    let created = execute("builder", "createWorkflow", new.clone()).await;
    assert_eq!(
        (&created["userErrors"], &created["clientMutationId"]),
        (&json!([]), &json!("m-1")),
        "{created}"
    );
    assert_eq!(created["workflow"]["definition"], json!({"steps": steps, "timeout": "5m"}));
    assert_eq!(execute("builder", "createWorkflow", new).await["workflow"]["id"], created["workflow"]["id"]);
    let invalid =
        json!({"name": "other", "steps": [{"name": "one", "needs": ["two"], "expr": {"value": 1}}]});
    let invalid = execute("builder", "createWorkflow", invalid).await;
    let error = &invalid["userErrors"][0];
    assert_eq!(
        (&error["code"], &error["field"]),
        (&json!("UNKNOWN_STEP"), &json!(["steps", "0", "needs", "0"])),
        "{invalid}"
    );

    let own = created["workflow"]["id"].clone();
    let update = |generation: i64| json!({"workflowId": own, "generation": generation, "timeout": null, "description": "Orders"});
    let changed = execute("builder", "updateWorkflow", update(1)).await;
    assert_eq!(changed["workflow"]["generation"], 2, "{changed}");
    assert_eq!(changed["workflow"]["definition"], json!({"steps": steps, "description": "Orders"}));
    let stale = execute("builder", "updateWorkflow", update(1)).await;
    assert_eq!(stale["userErrors"][0]["code"], "PRECONDITION_FAILED");
    for (mutation, status) in [("archiveWorkflow", "ARCHIVED"), ("unarchiveWorkflow", "ACTIVE")] {
        let answer = execute("builder", mutation, json!({"workflowId": own})).await;
        assert_eq!(answer["workflow"]["status"], status, "{answer}");
    }
    let missing = execute("builder", "archiveWorkflow", json!({"workflowId": id("Workflow", ACME)})).await;
    assert_eq!(missing["userErrors"][0]["code"], "NOT_FOUND");
}

/// A mutation changes name and settings of the own tenant.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn the_own_tenant_is_changed(pool: PgPool) {
    let server = Server::start(&pool).await;
    let query = "mutation ($input: UpdateTenantInput!) {
      updateTenant(input: $input) { tenant { settings generation } userErrors { code field } }
    }";
    let settings = |value: Value| json!({"input": {"settings": value, "generation": 1}});
    let changed = server.graphql("admin", query, settings(json!({"locale": "de"}))).await;
    let tenant = &changed.body["data"]["updateTenant"]["tenant"];
    assert_eq!(
        *tenant,
        json!({"settings": {"currency": "EUR", "locale": "de"}, "generation": 2}),
        "{}",
        changed.body
    );
    let stale = server.graphql("admin", query, settings(json!({}))).await;
    assert_eq!(stale.body["data"]["updateTenant"]["userErrors"][0]["code"], "PRECONDITION_FAILED");
    let forbidden = server.graphql("builder", query, settings(json!({}))).await;
    assert_eq!(code(&forbidden), Some("FORBIDDEN"));
}
