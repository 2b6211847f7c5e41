//! Operations on many runs.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::graphql::encode;
use crate::http::testing::{FAILED_RUN, QUEUED_RUN, RUN, Server};

/// ID of no run.
const UNKNOWN: &str = "00000000-0000-4000-8000-00000000dead";

/// Results for the runs of a request: the reference, the status, the code of the error and the ID of the run.
type Results = Vec<(Value, Value, Value, Value)>;

async fn by_rest(server: &Server, path: &str, runs: &[&str], extra: &Value) -> Results {
    let mut body = json!({"runs": runs});
    merge(&mut body, extra);
    let answer = server.post_with_key("acme", "admin", path, &body, "again").await;
    let results = answer.body["data"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    let failed = results.iter().filter(|result| !result["problem"].is_null()).count();
    assert_eq!(
        (&answer.body["succeeded"], &answer.body["failed"]),
        (&json!(runs.len() - failed), &json!(failed))
    );
    let result = |result: &Value| {
        (
            result["reference"].clone(),
            result["status"].clone(),
            result["problem"]["code"].clone(),
            result["run"]["id"].clone(),
        )
    };
    results.iter().map(result).collect()
}

async fn by_graphql(server: &Server, mutation: &str, runs: &[&str], extra: &Value) -> Results {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let document = format!(
        "mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ succeeded failed userErrors {{ code }}
           results {{ workflowRunId status workflowRun {{ id }} userErrors {{ code }} }} }} }}"
    );
    let ids: Vec<_> = runs.iter().map(|run| encode("WorkflowRun", run)).collect();
    let mut input = json!({"workflowRunIds": ids});
    merge(&mut input, extra);
    let answer = server.graphql("admin", &document, json!({"input": input})).await;
    let payload = &answer.body["data"][mutation];
    let results = payload["results"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    let failed = results.iter().filter(|result| result["userErrors"] != json!([])).count();
    assert_eq!((&payload["succeeded"], &payload["failed"]), (&json!(runs.len() - failed), &json!(failed)));
    let plain = |id: &Value| match id.as_str() {
        Some(id) => runs
            .iter()
            .find(|run| encode("WorkflowRun", run) == id)
            .map_or_else(|| json!(super::graphql::decode(id)), |run| json!(run)),
        None => Value::Null,
    };
    let result = |result: &Value| {
        let code = result["userErrors"][0]["code"].as_str().map(str::to_lowercase);
        (
            plain(&result["workflowRunId"]),
            result["status"].clone(),
            json!(code),
            plain(&result["workflowRun"]["id"]),
        )
    };
    results.iter().map(result).collect()
}

fn merge(body: &mut Value, extra: &Value) {
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
}

/// An operation on many runs has the same result for each of them by REST and by GraphQL, and an idempotency key of the one is that of
/// the other.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn bulk_operations_have_the_same_results_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    let all = [RUN, QUEUED_RUN, FAILED_RUN, UNKNOWN];
    let none = json!({});
    let now = json!({"mode": "NOW"});
    let rest = by_rest(&server, "/v1/workflow-run-cancellations", &all, &now).await;
    assert_eq!(by_graphql(&server, "cancelWorkflowRuns", &all, &now).await, rest);
    assert_eq!(rest.iter().map(|result| &result.1).collect::<Vec<_>>(), [409, 202, 409, 404]);

    let rest = by_rest(&server, "/v1/workflow-run-reruns", &all, &none).await;
    let key = json!({"idempotencyKey": "again"});
    assert_eq!(by_graphql(&server, "rerunWorkflowRuns", &all, &key).await, rest);
    assert!(rest[0].3.is_string() && rest[2].3.is_string(), "{rest:?}");

    let deleted = by_graphql(&server, "deleteWorkflowRuns", &all, &none).await;
    assert_eq!(
        deleted.iter().map(|result| &result.1).collect::<Vec<_>>(),
        [204, 409, 204, 404],
        "{deleted:?}"
    );
    let rest = by_rest(&server, "/v1/workflow-run-deletions", &all, &none).await;
    assert_eq!(by_graphql(&server, "deleteWorkflowRuns", &all, &none).await, rest);
}
