//! The tenant whose latency is measured.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tests::{api::ApiClient, cluster, run_watch::RunWatch, wait};

use crate::series::{Series, Times};

/// Steps of its runs, executed one after the other.
const STEPS: &str = r#"
- {name: a, python: {code: "def run(input, ctx): return 1"}}
- {name: b, needs: [a], python: {code: "def run(input, ctx): return 2"}}
- {name: c, needs: [b], python: {code: "def run(input, ctx): return 3"}}
"#;
/// Name of the kubectl user with the role `admin`. The attacker is another user, so that the fairness of the
/// Kubernetes API server, which is by user, applies.
const USER: &str = "admin@scenarios.example";
/// Interval between two runs: ten times the duration of one, so that a run which takes several times as long does not delay
/// the next one, which the same client starts.
const RUN_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between two reading requests.
const READ_INTERVAL: Duration = Duration::from_millis(100);
/// Deadline of the recovery after an attack: longer than the delay between two restarts of a failed container, which
/// grows to five minutes.
const RECOVERY_DEADLINE: Duration = Duration::from_secs(400);

/// Tenant with a workflow whose runner pods are kept.
pub(super) struct Neighbour {
    watch: RunWatch,
    api: ApiClient,
    workflow: String,
    /// Path of the runs of the workflow.
    runs: String,
}

/// Latencies of the tenant.
pub(super) struct Latencies {
    /// Runs that are created in Kubernetes, until a watch shows their end.
    pub(super) runs: Series,
    /// Runs that are started over REST with `Prefer: wait`, until the response.
    pub(super) starts: Series,
    /// `GET /v1/me` and `GET /v1/workflow-runs`, alternately.
    pub(super) reads: Series,
}

impl Neighbour {
    /// Applies the workflow.
    pub(super) async fn prepare(namespace: &str) -> anyhow::Result<Self> {
        let client = cluster::client_as(USER, &["system:authenticated"]).await?;
        let api = ApiClient::with_token_from("SMBCOPILOT_BENCH_NEIGHBOUR_TOKEN")?;
        let watch = RunWatch::new(&client, namespace);
        let steps: Value = serde_yaml::from_str(STEPS)?;
        let runners = json!({"keepAlive": "10m", "warm": 2});
        let workflow = watch.apply_workflow("warm", json!({"steps": steps, "runners": runners})).await?;
        let observe = async || workflow_id(&api, &workflow).await;
        let found = wait::until("the API has the workflow", RECOVERY_DEADLINE, observe, Option::is_some);
        let id = found.await?.unwrap_or_default();
        Ok(Self { watch, api, workflow, runs: format!("/v1/workflows/{id}/runs") })
    }

    /// Waits until runs and requests succeed, and both runner pods are warm.
    pub(super) async fn wait_until_served(&mut self) -> anyhow::Result<()> {
        let observe = async || Ok(self.observe_service().await.map_err(|error| format!("{error:#}")));
        let served =
            wait::until("runs and requests succeed", RECOVERY_DEADLINE, observe, Result::is_ok).await?;
        served.map_err(anyhow::Error::msg)
    }

    async fn observe_service(&mut self) -> anyhow::Result<()> {
        let Self { watch, api, workflow, runs } = self;
        for _ in 0..3 {
            // Both at the same time, for which two pods are needed.
            tokio::try_join!(async { watch.run(workflow).await.map(drop) }, start(api, runs))?;
        }
        read(api, "/v1/me").await
    }

    /// Measures runs and requests for this time.
    pub(super) async fn measure(&mut self, end: Duration) -> Latencies {
        let Self { watch, api, workflow, runs } = self;
        let every = |first, interval| Times { first, interval, end };
        let mut is_list = false;
        let (runs, starts, reads) = tokio::join!(
            Series::measure(every(Duration::ZERO, RUN_INTERVAL), async || watch
                .run(workflow)
                .await
                .map(drop)),
            Series::measure(every(RUN_INTERVAL / 2, RUN_INTERVAL), async || start(api, runs).await),
            Series::measure(every(READ_INTERVAL / 2, READ_INTERVAL), async || {
                is_list = !is_list;
                read(api, if is_list { "/v1/workflow-runs?limit=20" } else { "/v1/me" }).await
            }),
        );
        Latencies { runs, starts, reads }
    }
}

/// Starts a run and waits for its end.
async fn start(api: &ApiClient, runs: &str) -> anyhow::Result<()> {
    let response = api.post(runs, &[("Prefer", "wait=20")], &json!({})).await?;
    let status = response.body.get("status").and_then(Value::as_str).unwrap_or_default();
    ensure!(status == "SUCCEEDED", "POST {runs}: {} {}", response.status, response.body);
    Ok(())
}

async fn read(api: &ApiClient, path: &str) -> anyhow::Result<()> {
    let response = api.get(path).await?;
    ensure!(response.status == 200, "GET {path}: {} {}", response.status, response.body);
    Ok(())
}

/// Returns the ID of a workflow in the API, or `None` if it is not mirrored yet.
pub(super) async fn workflow_id(api: &ApiClient, name: &str) -> anyhow::Result<Option<String>> {
    let workflows = api.get("/v1/workflows?limit=100").await.context("failed to list workflows")?.list();
    let found = workflows.iter().find(|workflow| workflow.get("name").and_then(Value::as_str) == Some(name));
    Ok(found.and_then(|workflow| workflow.get("id")?.as_str()).map(str::to_owned))
}
