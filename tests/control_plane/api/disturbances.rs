//! Disturbed connections between the api-server and its dependencies.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    api::ApiResponse,
    chaos_proxy::{ChaosProxy, Disturbance},
    wait::until,
};

use super::server::Server;

/// Deadline of the recovery, ten times the timeout of a connection.
const DEADLINE: Duration = Duration::from_secs(60);
/// Disturbances that let requests fail.
const FAILURES: [Disturbance; 2] = [Disturbance::Reset, Disturbance::HalfOpen];

async fn list(server: &Server) -> anyhow::Result<ApiResponse> {
    server.send(Method::GET, "/v1/workflow-runs", &[], &json!(null)).await
}

/// Asserts that a response says that the server is unavailable, as a problem, and when to repeat the request.
fn assert_unavailable(response: &ApiResponse, disturbance: Disturbance) {
    let ApiResponse { status, headers, body } = response;
    assert_eq!(*status, 503, "{disturbance:?}: {body}");
    assert_eq!(headers["content-type"], "application/problem+json", "{disturbance:?}");
    let seconds: Option<u32> = headers["retry-after"].to_str().ok().and_then(|value| value.parse().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{disturbance:?}: {headers:?}");
    assert!(body["code"].is_string() && body["title"].is_string(), "{disturbance:?}: {body}");
}

async fn wait_until_ok(server: &Server) -> anyhow::Result<Value> {
    let observe = async || list(server).await;
    Ok(until("requests succeed again", DEADLINE, observe, |response| response.status == 200).await?.body)
}

/// Sends a run again with the same key until it is accepted, as clients do.
async fn start_until_accepted(server: &Server, key: &str) -> anyhow::Result<()> {
    let (key, body) = ([("idempotency-key", key)], json!({"input": {"total": 1}}));
    let observe = async || server.start_run(&key, &body).await;
    until("the run is started", DEADLINE, observe, |response| response.status == 202).await.map(drop)
}

/// While the connections to Postgres are disturbed, requests are answered with 503, a problem and `Retry-After`. Afterwards they
/// succeed without a restart, and a run that a client repeats with its key exists once.
#[tokio::test]
async fn requests_fail_with_503_without_postgres_and_succeed_afterwards() -> anyhow::Result<()> {
    let (server, proxies) = Server::start_behind_proxies().await?;
    for (number, disturbance) in FAILURES.into_iter().enumerate() {
        proxies.postgres.disturb(disturbance);
        assert_unavailable(&list(&server).await?, disturbance);
        let key = format!("order-{number}");
        let refused = server.start_run(&[("idempotency-key", &key)], &json!({"input": {"total": 1}})).await?;
        assert_unavailable(&refused, disturbance);
        proxies.postgres.disturb(Disturbance::None);
        start_until_accepted(&server, &key).await?;
        let runs = wait_until_ok(&server).await?;
        assert_eq!(runs["data"].as_array().map(Vec::len), Some(number + 1), "{disturbance:?}: {runs}");
    }
    assert_unaffected_by_latency(&server, &proxies.postgres).await
}

/// While the connections to the Kubernetes API are disturbed, reads succeed, and writes are answered with 503, a problem and
/// `Retry-After`. Afterwards they succeed without a restart, and a run that a client repeats with its key exists once.
#[tokio::test]
async fn writes_fail_with_503_without_kubernetes_and_succeed_afterwards() -> anyhow::Result<()> {
    let (server, proxies) = Server::start_behind_proxies().await?;
    for (number, disturbance) in FAILURES.into_iter().enumerate() {
        proxies.kubernetes.disturb(disturbance);
        assert_eq!(list(&server).await?.status, 200, "{disturbance:?}");
        let key = format!("order-{number}");
        let refused = server.start_run(&[("idempotency-key", &key)], &json!({"input": {"total": 1}})).await?;
        assert_unavailable(&refused, disturbance);
        proxies.kubernetes.disturb(Disturbance::None);
        start_until_accepted(&server, &key).await?;
        let runs = wait_until_ok(&server).await?;
        assert_eq!(runs["data"].as_array().map(Vec::len), Some(number + 1), "{disturbance:?}: {runs}");
    }
    assert_unaffected_by_latency(&server, &proxies.kubernetes).await
}

/// Asserts that a slow network only delays requests.
async fn assert_unaffected_by_latency(server: &Server, proxy: &ChaosProxy) -> anyhow::Result<()> {
    proxy.disturb(Disturbance::Latency(Duration::from_millis(30)));
    assert_eq!(list(server).await?.status, 200);
    let started = server.start_run(&[], &json!({"input": {"total": 1}})).await?;
    assert_eq!(started.status, 202, "{}", started.body);
    Ok(())
}
