//! The tenant that attacks.

use std::time::Duration;

use anyhow::Context as _;
use crds::Workflow;
use futures::{StreamExt as _, future, stream};
use kube::{
    Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::{api::ApiClient, cluster, environment::variable, tenant_namespace::TenantNamespace, wait};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    answers::{self, Answers},
    attack::Flood,
    neighbour::workflow_id,
};

/// Name of the kubectl user with the role `builder`.
const USER: &str = "builder@scenarios.example";
/// Maximum number of requests at the same time.
const MAX_IN_FLIGHT: usize = 32;
/// Time after which the attacker abandons a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The tenant, with a builder and a viewer.
#[derive(Clone)]
pub(super) struct Attacker {
    /// Access as the administrator of the cluster, to clean up.
    pub(super) admin: TenantNamespace,
    /// Access with the role `builder`.
    pub(super) user: TenantNamespace,
    /// Client of the API with the role `builder`.
    pub(super) builder: ApiClient,
    /// Client of the API with the role `viewer`.
    pub(super) viewer: ApiClient,
    /// Token of the viewer, for requests from steps.
    pub(super) viewer_token: String,
    /// Duration of an attack.
    pub(super) duration: Duration,
    /// Answers to all requests of the current attack.
    pub(super) answers: Answers,
}

impl Attacker {
    pub(super) async fn new(client: Client, namespace: String, duration: Duration) -> anyhow::Result<Self> {
        let user = cluster::client_as(USER, &["system:authenticated"]).await?;
        Ok(Self {
            user: TenantNamespace { client: user, name: namespace.clone() },
            admin: TenantNamespace { client, name: namespace },
            builder: ApiClient::with_token_from("SMBCOPILOT_BENCH_BUILDER_TOKEN")?,
            viewer: ApiClient::with_token_from("SMBCOPILOT_BENCH_VIEWER_TOKEN")?,
            viewer_token: variable("SMBCOPILOT_BENCH_VIEWER_TOKEN")?,
            duration,
            answers: Answers::default(),
        })
    }

    /// Applies a workflow, without waiting for its validation.
    pub(super) async fn apply(&self, name: &str, spec: &Value) -> kube::Result<Workflow> {
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        let params = PatchParams::apply("bench").force();
        self.user.workflows().patch(name, &params, &Patch::Apply(workflow)).await
    }

    /// Applies a workflow and returns its ID in the API.
    pub(super) async fn apply_and_find(&self, name: &str, spec: &Value) -> anyhow::Result<String> {
        self.apply(name, spec).await.context("failed to apply a workflow")?;
        let observe = async || workflow_id(&self.builder, name).await;
        let found = wait::until("the API has the workflow", REQUEST_TIMEOUT, observe, Option::is_some);
        Ok(found.await?.unwrap_or_default())
    }

    /// Creates a run with kubectl and returns the answer.
    pub(super) async fn create(&self, workflow: &str, input: &Value) -> String {
        let run = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "WorkflowRun",
                         "metadata": {"name": cluster::unique("attack")},
                         "spec": {"workflowRef": {"name": workflow}, "input": input}});
        match serde_json::from_value(run) {
            Ok(run) => answers::from_kubernetes(self.user.runs().create(&PostParams::default(), &run).await),
            Err(error) => format!("not sent: {error}"),
        }
    }

    /// Starts a run over REST and returns the answer.
    pub(super) async fn start(&self, workflow_id: &str, input: &Value) -> String {
        let path = format!("/v1/workflows/{workflow_id}/runs");
        answers::from_api(self.builder.post(&path, &[], &json!({"input": input})).await)
    }

    /// Returns a flood of requests at a rate. `send` gets the number of the request and returns its answer.
    pub(super) fn flood<F>(&self, per_second: u32, send: impl Fn(u32) -> F + Send + 'static) -> Flood
    where
        F: Future<Output = String> + Send + 'static,
    {
        let answers = self.answers.clone();
        Box::pin(async move {
            let mut ticks = interval(Duration::from_secs(1) / per_second);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let numbers = stream::unfold((ticks, 0_u32), |(mut ticks, number)| async move {
                ticks.tick().await;
                Some((number, (ticks, number.wrapping_add(1))))
            });
            let requests = numbers.map(move |number| timeout(REQUEST_TIMEOUT, send(number)));
            let count = |answer: Result<String, _>| {
                answers.add(answer.as_deref().unwrap_or("no response in time"));
                future::ready(())
            };
            requests.buffer_unordered(MAX_IN_FLIGHT).for_each(count).await;
            future::pending().await
        })
    }
}
