//! Internal API, called with tokens that a real Kubernetes API server issued to pods.

use std::sync::Arc;

use anyhow::Context as _;
use api_server::{
    app::App,
    auth::{Issuers, Runners, Verifier},
    db::{AppPool, MirrorPool},
    http::{self, HttpState},
    store::CursorKey,
};
use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::{Pod, ServiceAccount},
};
use kube::{Api, Client, ResourceExt as _, api::PostParams};
use protocol::internal::logs_path;
use serde_json::json;
use telemetry::Registry;
use tests::{cluster, wait::until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    database::{DEADLINE, Database},
    tenant::TestTenant,
};

struct InternalApi {
    url: String,
    stop: CancellationToken,
    client: reqwest::Client,
}

impl InternalApi {
    async fn start(database: &Database, kube: &Client) -> anyhow::Result<Self> {
        let (stop, registry) = (CancellationToken::new(), Registry::default());
        let db = AppPool::connect(database.urls()).await?;
        let state = HttpState {
            runners: Arc::new(Runners::new(kube.clone(), db.clone())),
            login: None,
            verifier: Arc::new(Verifier::new("[]".parse::<Issuers>()?)?),
            metrics: http::Metrics::registered(&registry),
            trusted_documents: None,
            app: App {
                objects: None,
                searcher: None,
                mailer: None,
                db,
                mirror: MirrorPool::connect(database.urls()).await?,
                kube: kube.clone(),
                cursors: CursorKey::new("a key of the tests")?,
                compute: compute::Pool::new(compute::Limits::default(), &Registry::default()),
                limits: Arc::default(),
                shutdown: stop.clone(),
                writes: TaskTracker::new(),
            },
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = axum::serve(listener, http::internal_router(state));
        tokio::spawn(server.with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
        Ok(Self { url, stop, client: reqwest::Client::new() })
    }

    /// Sends a log line of a run and returns the status and the error code of the response.
    async fn send_log(&self, token: &str, run: &str, pod: &str) -> anyhow::Result<(u16, String)> {
        let line = json!({"seq": 0, "time": "2026-11-26T08:00:00Z", "step": "shape", "attempt": 1,
                          "stream": "stdout", "line": "hello"});
        let body = json!({"pod": pod, "lines": [line]});
        let request = self.client.post(format!("{}{}", self.url, logs_path(run))).bearer_auth(token);
        let response = request.json(&body).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}

/// Creates a pod with the service account of runners, and returns it with a token for this audience.
async fn create_pod(
    client: &Client,
    namespace: &str,
    name: &str,
    audience: &str,
) -> anyhow::Result<(Pod, String)> {
    let account = json!({"metadata": {"name": "smb-runner"}});
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let account = accounts.create(&PostParams::default(), &serde_json::from_value(account)?).await;
    anyhow::ensure!(matches!(&account, Ok(_) | Err(kube::Error::Api(_))), "{account:?}");
    let pod = json!({"metadata": {"name": name}, "spec": {
        "serviceAccountName": "smb-runner",
        "automountServiceAccountToken": false,
        "containers": [{"name": "runner", "image": "none"}],
    }});
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let pod = pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![audience.to_owned()],
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(name.to_owned()),
                uid: pod.uid(),
            }),
            expiration_seconds: None,
        },
        ..TokenRequest::default()
    };
    let issued = accounts.create_token_request("smb-runner", &PostParams::default(), &request).await?;
    Ok((pod, issued.status.context("the token request has no status")?.token))
}

/// Only the pod to which a run is assigned, with a token for the api-server, can send log lines of the run.
#[tokio::test]
async fn only_the_pod_of_a_run_can_send_its_logs() -> anyhow::Result<()> {
    let client = cluster::client().await?;
    let (database, tenant) = (Database::create().await?, TestTenant::create(&client).await?);
    let running = database.start(&client).await?;
    tenant.workflow("invoices").await?;
    let run = tenant.run("invoices", "held").await?.uid().context("the object has no UID")?;
    let namespace = format!("t-{}", tenant.slug);
    let audience = crds::names::API_TOKEN_AUDIENCE;
    let (holder, token) = create_pod(&client, &namespace, "holder", audience).await?;
    let (_, idle) = create_pod(&client, &namespace, "idle", audience).await?;
    let (_, foreign) = create_pod(&client, &namespace, "foreign", "https://kubernetes.default.svc").await?;
    tenant.assign("held", "holder", &holder.uid().context("the object has no UID")?).await?;
    let runs = async || database.runs(&tenant.slug).await;
    until("the run is mirrored", DEADLINE, runs, |runs| runs.len() == 1).await?;

    let api = InternalApi::start(&database, &client).await?;
    assert_eq!(api.send_log(&token, &run, "holder").await?.0, 204);
    for (token, pod, status, code) in [
        (&idle, "idle", 403, "not_the_holder"),
        (&token, "idle", 403, "not_the_holder"),
        (&foreign, "foreign", 401, "invalid_token"),
    ] {
        let (actual, body) = api.send_log(token, &run, pod).await?;
        assert!((actual, body.contains(code)) == (status, true), "{pod}: {actual} {body}");
    }
    api.stop.cancel();
    running.stop().await
}
