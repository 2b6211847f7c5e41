//! Starting and cancelling runs by GraphQL.

use crds::run::Cancel;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::Server;

const START: &str = "mutation ($input: StartWorkflowRunInput!) {
  startWorkflowRun(input: $input) { workflowRun { id name status } userErrors { code } }
}";
const CANCEL: &str = "mutation ($input: CancelWorkflowRunInput!) {
  cancelWorkflowRun(input: $input) { workflowRun { name cancellation } userErrors { code } }
}";

async fn execute(server: &Server, query: &str, input: Value) -> anyhow::Result<Value> {
    let body = json!({"query": query, "variables": {"input": input}});
    let mut answer = server.send(Method::POST, "/graphql", &[], &body).await?;
    Ok(answer.body.get_mut("data").map(Value::take).unwrap_or_default())
}

/// GraphQL starts a run once per idempotency key, and cancels it. A graceful cancellation can become an immediate one, and never
/// the reverse.
#[tokio::test]
async fn a_run_is_started_once_and_cancelled() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let body = json!({"query": "{ workflows(first: 1) { nodes { id } } }"});
    let workflows = server.send(Method::POST, "/graphql", &[], &body).await?.body;
    let workflow = &workflows["data"]["workflows"]["nodes"][0]["id"];
    let input = json!({"workflowId": workflow, "input": {"total": 1}, "idempotencyKey": "order-1"});
    let first = execute(&server, START, input.clone()).await?;
    let again = execute(&server, START, input).await?;
    assert_eq!(first, again);
    let run = &first["startWorkflowRun"]["workflowRun"];
    assert_eq!(run["status"], "QUEUED", "{first}");
    for mode in ["GRACEFUL", "NOW"] {
        let cancelled = execute(&server, CANCEL, json!({"workflowRunId": run["id"], "mode": mode})).await?;
        assert_eq!(cancelled["cancelWorkflowRun"]["workflowRun"]["cancellation"], mode, "{cancelled}");
    }
    assert_eq!(server.tenant.only_run().await?.spec.cancel, Some(Cancel::Now));
    let other = execute(&server, CANCEL, json!({"workflowRunId": run["id"], "mode": "GRACEFUL"})).await?;
    assert_eq!(other["cancelWorkflowRun"]["userErrors"], json!([{"code": "CANCELLATION_FIXED"}]));
    Ok(())
}
