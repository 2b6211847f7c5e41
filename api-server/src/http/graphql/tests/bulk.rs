//! Tests of the mutations of many runs, and of deletions.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{code, id};
use crate::http::testing::{FAILED_RUN, QUEUED_RUN, RUN, Server};

const CANCEL: &str = "mutation ($input: CancelWorkflowRunsInput!) { cancelWorkflowRuns(input: $input) {
  results { workflowRunId status workflowRun { name cancellation } userErrors { code } }
  succeeded failed userErrors { code field } clientMutationId } }";

/// Each run has a result of its own in the order of the input, also if it has an ID that is none of a run.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_run_has_a_result(pool: PgPool) {
    let server = Server::start(&pool).await;
    let ids =
        [id("WorkflowRun", RUN), id("WorkflowRun", QUEUED_RUN), id("Workflow", RUN), "report-1".to_owned()];
    let input = json!({"workflowRunIds": ids, "mode": "GRACEFUL", "clientMutationId": "m-1"});
    let answer = server.graphql("operator", CANCEL, json!({"input": input})).await;
    let refused = |id: &str, status: u16, code: &str| json!({"workflowRunId": id, "status": status, "workflowRun": null, "userErrors": [{"code": code}]});
    let cancelled = json!({"name": "report-1", "cancellation": "GRACEFUL"});
    assert_eq!(
        answer.body["data"]["cancelWorkflowRuns"],
        json!({
            "results": [
                refused(&ids[0], 409, "RUN_FINISHED"),
                {"workflowRunId": ids[1], "status": 202, "workflowRun": cancelled, "userErrors": []},
                refused(&ids[2], 404, "NOT_FOUND"),
                // The name of a run is no global ID.
                refused("report-1", 404, "NOT_FOUND"),
            ],
            "succeeded": 1, "failed": 3, "userErrors": [], "clientMutationId": "m-1",
        }),
        "{}",
        answer.body
    );
    let path = format!("/v1/audit-events?objectId={QUEUED_RUN}");
    let events = server.get("acme", "auditor", &path).await.body["data"].clone();
    assert_eq!(
        (&events[0]["operation"], &events[0]["outcome"], events.as_array().unwrap().len()),
        (&json!("Mutation.cancelWorkflowRuns"), &json!("SUCCEEDED"), 1)
    );
}

/// Inputs with too many runs, with none, or with one twice are refused as a whole, and viewers may do nothing.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn impossible_inputs_are_refused(pool: PgPool) {
    let server = Server::start(&pool).await;
    let run = id("WorkflowRun", QUEUED_RUN);
    let again = id("WorkflowRun", &QUEUED_RUN.to_uppercase());
    let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
    let small = "mutation ($input: CancelWorkflowRunsInput!) { cancelWorkflowRuns(input: $input) {
      userErrors { code field } results { status } } }";
    for (ids, code, field) in [
        (json!([]), "INVALID", json!(["workflowRunIds"])),
        (json!(many), "INVALID", json!(["workflowRunIds"])),
        (json!([run, "x", again]), "DUPLICATE", json!(["workflowRunIds", "2"])),
    ] {
        let input = json!({"input": {"workflowRunIds": ids, "mode": "NOW"}});
        let answer = server.graphql("operator", small, input).await;
        let expected = json!({"userErrors": [{"code": code, "field": field}], "results": []});
        assert_eq!(answer.body["data"]["cancelWorkflowRuns"], expected, "{}", answer.body);
    }
    let input = json!({"input": {"workflowRunIds": [run], "mode": "NOW"}});
    assert_eq!(code(&server.graphql("viewer", CANCEL, input).await), Some("FORBIDDEN"));
    assert!(server.kubernetes.run(QUEUED_RUN)["spec"]["cancel"].is_null());
}

/// Each run counts as a request, and what is selected of the results counts as often as there are runs.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_run_counts(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.set_plan_limits(json!({"apiRequestsPerMinute": 100})).await;
    let ids: Vec<_> =
        (0..70).map(|number| id("WorkflowRun", &format!("c2000000-0000-4000-8000-{number:012}"))).collect();
    let small = "mutation ($input: DeleteWorkflowRunsInput!) { deleteWorkflowRuns(input: $input) {
      userErrors { code } results { status } } }";
    let input = json!({"input": {"workflowRunIds": ids}});
    let first = server.graphql("admin", small, input.clone()).await;
    assert_eq!(
        first.body["data"]["deleteWorkflowRuns"]["results"].as_array().unwrap().len(),
        70,
        "{}",
        first.body
    );
    let second = server.graphql("admin", small, input.clone()).await;
    let errors = &second.body["data"]["deleteWorkflowRuns"]["userErrors"];
    assert_eq!(errors, &json!([{"code": "RATE_LIMITED"}]), "{}", second.body);
    let fields: String =
        (0..10).map(|alias| format!("a{alias}: workflow {{ id name displayName }} ")).collect();
    let costly = format!(
        "mutation ($input: DeleteWorkflowRunsInput!) {{ deleteWorkflowRuns(input: $input) {{
           results {{ workflowRun {{ {fields} }} }} }} }}"
    );
    let refused = server.graphql("admin", &costly, input).await;
    assert!(refused.body["errors"][0]["message"].as_str().unwrap().contains("complex"), "{}", refused.body);
}

/// A finished run is deleted once, and others stay.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn finished_runs_are_deleted(pool: PgPool) {
    let server = Server::start(&pool).await;
    let delete = "mutation ($input: DeleteWorkflowRunInput!) { deleteWorkflowRun(input: $input) {
      deletedWorkflowRunId userErrors { code } clientMutationId } }";
    let run = id("WorkflowRun", FAILED_RUN);
    let execute = async |role: &str, run: &str| {
        let input = json!({"input": {"workflowRunId": run, "clientMutationId": "m-1"}});
        server.graphql(role, delete, input).await
    };
    assert_eq!(code(&execute("operator", &run).await), Some("FORBIDDEN"));
    for (run, deleted, error) in [
        (&run, json!(run), json!([])),
        (&run, Value::Null, json!([{"code": "NOT_FOUND"}])),
        (&id("WorkflowRun", QUEUED_RUN), Value::Null, json!([{"code": "RUN_UNFINISHED"}])),
    ] {
        let answer = execute("admin", run).await;
        let expected =
            json!({"deletedWorkflowRunId": deleted, "userErrors": error, "clientMutationId": "m-1"});
        assert_eq!(answer.body["data"]["deleteWorkflowRun"], expected, "{}", answer.body);
    }
    let left = server.graphql("viewer", "{ workflowRuns(first: 1) { totalCount } }", json!({})).await;
    assert_eq!(left.body["data"]["workflowRuns"]["totalCount"], "2", "{}", left.body);
}
