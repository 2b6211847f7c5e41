//! Starting runs by REST.

use std::{pin::pin, time::Duration};

use kube::ResourceExt as _;
use reqwest::Method;
use serde_json::json;

use super::server::Server;

/// A user starts a run, and neither Kubernetes nor the next request knows of it.
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

/// A retry after a lost answer starts a second run; or a key that is used twice hides that another was wanted.
#[tokio::test]
async fn a_retry_gets_the_run_of_the_first_try() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let (key, body) = ([("idempotency-key", "order-1")], json!({"input": {"total": 1}}));
    let first = server.start_run(&key, &body).await?;
    let second = server.start_run(&key, &body).await?;
    assert_eq!(second.headers["idempotent-replayed"], "true");
    // As if the process had died between the creation and its record.
    sqlx::query("delete from idempotency_keys").execute(&server.owner).await?;
    let third = server.start_run(&key, &body).await?;
    assert_eq!((&second.body["id"], &third.body["id"]), (&first.body["id"], &first.body["id"]));
    let other = server.start_run(&key, &json!({"input": {"total": 2}})).await?;
    assert_eq!((other.status, other.body["code"].as_str()), (422, Some("idempotency_key_reused")));
    sqlx::query("delete from idempotency_keys").execute(&server.owner).await?;
    let other = server.start_run(&key, &json!({"input": {"total": 2}})).await?;
    assert_eq!((other.status, other.body["code"].as_str()), (422, Some("idempotency_key_reused")));
    server.tenant.only_run().await?;
    Ok(())
}

/// What Kubernetes refuses looks like a failure of ours, and the user cannot tell what to change.
#[tokio::test]
async fn what_kubernetes_refuses_is_told_in_its_words() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let answer = server.start_run(&[], &json!({"priority": 1000})).await?;
    assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("invalid")), "{}", answer.body);
    assert!(answer.body["detail"].as_str().unwrap_or_default().contains("spec.priority"), "{}", answer.body);
    Ok(())
}

/// A script that starts a run and waits for its result gets none, or waits for ever.
#[tokio::test]
async fn a_preferred_wait_ends_with_the_run() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let body = json!({"input": {"total": 12.5}});
    let mut waiting = pin!(server.start_run(&[("prefer", "wait=30")], &body));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut waiting).await;
    assert!(early.is_err(), "answered before the run has ended: {early:?}");
    server.tenant.finish(&server.tenant.only_run().await?.name_any()).await?;
    let answer = waiting.await?;
    assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("SUCCEEDED")), "{}", answer.body);
    assert_eq!(answer.body["output"], json!({"total": 12.5}));
    Ok(())
}
