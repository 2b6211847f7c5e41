//! Starting runs by REST.

use std::{pin::pin, time::Duration};

use crds::WorkflowRun;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, PostParams},
};
use reqwest::Method;
use serde_json::json;
use tests::cluster::client_as;

use super::server::Server;

/// A run that is started by REST is created in Kubernetes and can be read by the next request.
#[tokio::test]
async fn a_run_is_created_in_kubernetes_and_read_back_at_once() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let started = server.start_run(&[], &json!({"input": {"total": 12.5}})).await?;
    assert_eq!((started.status, started.body["status"].as_str()), (202, Some("QUEUED")), "{}", started.body);
    let run = server.tenant.only_run().await?;
    assert_eq!(started.body["name"], run.name_any());
    assert_eq!(run.spec.input, Some(json!({"total": 12.5})));
    let trigger = run.spec.trigger.clone().unwrap_or_default();
    assert_eq!(
        (trigger.kind, trigger.by.as_deref()),
        (crds::run::TriggerKind::Api, Some("anna@acme.example"))
    );
    let managers: Vec<_> = run.managed_fields().iter().filter_map(|entry| entry.manager.clone()).collect();
    assert_eq!(managers, ["smb-copilot-api-server"]);
    let location = started.headers["location"].to_str()?;
    let read = server.send(Method::GET, location, &[], &json!(null)).await?;
    assert_eq!(read.body, started.body);
    Ok(())
}

/// A retry with the same idempotency key returns the first run, and the key is refused for any other request.
#[tokio::test]
async fn a_retry_returns_the_run_of_the_first_request() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (key, body) = ([("idempotency-key", "order-1")], json!({"input": {"total": 1}}));
    let first = server.start_run(&key, &body).await?;
    let second = server.start_run(&key, &body).await?;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    // This simulates a process that died between creating the run and storing the response.
    sqlx::query("delete from idempotency_keys").execute(server.owner()).await?;
    let third = server.start_run(&key, &body).await?;
    assert_eq!((&second.body["id"], &third.body["id"]), (&first.body["id"], &first.body["id"]));
    let other = server.start_run(&key, &json!({"input": {"total": 2}})).await?;
    assert_eq!((other.status, other.body["code"].as_str()), (422, Some("idempotency_key_reused")));
    sqlx::query("delete from idempotency_keys").execute(server.owner()).await?;
    let other = server.start_run(&key, &json!({"input": {"total": 2}})).await?;
    assert_eq!((other.status, other.body["code"].as_str()), (422, Some("idempotency_key_reused")));
    server.tenant.only_run().await?;
    Ok(())
}

/// A retry never returns a run of another workflow that has the name of the first run.
#[tokio::test]
async fn a_retry_never_returns_the_run_of_another_workflow() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (key, body) = ([("idempotency-key", "order-1")], json!({"input": {"total": 1}}));
    server.start_run(&key, &body).await?;
    let mut run = server.tenant.only_run().await?;
    let name = run.name_any();
    server.tenant.runs.delete(&name, &DeleteParams::default()).await?;
    // Only the account of the api-server can create a run with this name.
    let api_server = client_as("system:serviceaccount:smb-copilot:smb-copilot-api-server", &[]).await?;
    let runs: Api<WorkflowRun> = Api::namespaced(api_server, &run.namespace().unwrap_or_default());
    run.metadata = ObjectMeta { name: Some(name), ..ObjectMeta::default() };
    run.spec.workflow_ref.name = "payroll".to_owned();
    runs.create(&PostParams::default(), &run).await?;
    sqlx::query("delete from idempotency_keys").execute(server.owner()).await?;
    let retry = server.start_run(&key, &body).await?;
    assert_eq!((retry.status, retry.body["code"].as_str()), (422, Some("idempotency_key_reused")));
    Ok(())
}

/// A refusal of Kubernetes is returned with its message, so that the user can fix the request.
#[tokio::test]
async fn refusals_of_kubernetes_are_returned_with_their_message() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let response = server.start_run(&[], &json!({"priority": 1000})).await?;
    assert_eq!(
        (response.status, response.body["code"].as_str()),
        (422, Some("invalid")),
        "{}",
        response.body
    );
    assert!(
        response.body["detail"].as_str().unwrap_or_default().contains("spec.priority"),
        "{}",
        response.body
    );
    Ok(())
}

/// A run beyond the limit of the plan is refused with both numbers and what to do.
#[tokio::test]
async fn a_run_beyond_the_limit_of_the_plan_is_refused_with_what_to_do() -> anyhow::Result<()> {
    let server = Server::start().await?;
    server.tenant.limit_runs(1).await?;
    let body = json!({"input": {"total": 1}});
    assert_eq!(server.start_run(&[], &body).await?.status, 202);
    let refused = server.start_run(&[], &body).await?;
    assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("plan_limit_reached")));
    let detail = refused.body["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("1 runs") && detail.contains("storedRuns") && detail.contains("cancel"),
        "{detail}"
    );
    Ok(())
}

/// A request that prefers to wait returns when the run has ended.
#[tokio::test]
async fn a_waiting_request_returns_when_the_run_ends() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let body = json!({"input": {"total": 12.5}});
    let mut waiting = pin!(server.start_run(&[("prefer", "wait=30")], &body));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut waiting).await;
    assert!(early.is_err(), "the response was sent before the run ended: {early:?}");
    server.tenant.finish(&server.tenant.only_run().await?.name_any()).await?;
    let response = waiting.await?;
    assert_eq!(
        (response.status, response.body["status"].as_str()),
        (200, Some("SUCCEEDED")),
        "{}",
        response.body
    );
    assert_eq!(response.body["output"], json!({"total": 12.5}));
    Ok(())
}
