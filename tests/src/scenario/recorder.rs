//! The recording server: a pod that answers what scenarios tell it to, and remembers what it was asked.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Service},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::format::Answer;
use crate::wait;

/// Its namespace, which is no tenant's.
pub(super) const NAMESPACE: &str = "scenario-recorder";
/// Its label `app`.
pub(super) const APP: &str = "recorder";
/// Its port.
pub(super) const PORT: u16 = 8080;
/// Its Services: the same pod under two hosts' names.
pub(super) const SERVICES: [&str; 2] = ["recorder", "recorder-too"];

/// An image that is there starts in a second or two.
const DEADLINE: Duration = Duration::from_secs(60);
const MANAGER: &str = "scenarios";
const PROGRAM: &str = include_str!("recorder.py");

/// A request that it received.
#[derive(Deserialize, Clone, Debug)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) method: String,
    pub(super) query: String,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// The URLs of a scenario's part of it.
pub(super) fn urls(id: &str) -> [String; 2] {
    SERVICES.map(|service| format!("http://{}:{PORT}/{id}", host(service)))
}

/// The name under which pods find a Service of it.
pub(super) fn host(service: &str) -> String {
    format!("{service}.{NAMESPACE}.svc.cluster.local")
}

/// Starts it, and waits until it answers.
pub(super) async fn deploy(client: &Client) -> anyhow::Result<()> {
    let params = PatchParams::apply(MANAGER).force();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    Api::<Namespace>::all(client.clone()).patch(NAMESPACE, &params, &Patch::Apply(namespace)).await?;
    let program = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": APP},
                         "data": {"recorder.py": PROGRAM}});
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    maps.patch(APP, &params, &Patch::Apply(program)).await?;
    for name in SERVICES {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                             "spec": {"selector": {"app": APP}, "ports": [{"port": PORT}]}});
        let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
        services.patch(name, &params, &Patch::Apply(service)).await?;
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    deployments.patch(APP, &params, &Patch::Apply(deployment())).await?;
    // A pod can be ready before the Service leads to it, so the question is asked by way of the Service.
    let ask = async || Ok(received(client, "nobody").await.is_ok());
    wait::until("the recording server answers", DEADLINE, ask, |answers| *answers).await?;
    Ok(())
}

/// Tells it what to answer to a scenario, by path.
pub(super) async fn script(
    client: &Client,
    id: &str,
    answers: &BTreeMap<String, Vec<Answer>>,
) -> anyhow::Result<()> {
    let request = http_request("PUT", id, serde_json::to_vec(answers)?)?;
    client.request_text(request).await.context("failed to script the recording server")?;
    Ok(())
}

/// What it has received of a scenario, in order.
pub(super) async fn received(client: &Client, id: &str) -> anyhow::Result<Vec<Received>> {
    let text = client.request_text(http_request("GET", id, Vec::new())?).await;
    serde_json::from_str(&text.context("failed to ask the recording server")?)
        .context("failed to parse the record of the recording server")
}

/// By way of the API server, which reaches pods; this process need not.
fn http_request(method: &str, id: &str, body: Vec<u8>) -> anyhow::Result<http::Request<Vec<u8>>> {
    let service = SERVICES.first().copied().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{service}:{PORT}/proxy/_/{id}");
    let request =
        http::Request::builder().method(method).uri(path).header("Content-Type", "application/json");
    request.body(body).context("failed to build a request")
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP},
        "spec": {"selector": {"matchLabels": {"app": APP}}, "template": {
            "metadata": {"labels": {"app": APP}},
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "http", "image": "docker.io/smb-copilot/python:local", "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "/srv/recorder.py"],
                    "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                    "volumeMounts": [{"name": "program", "mountPath": "/srv"}]
                }],
                "volumes": [{"name": "program", "configMap": {"name": APP}}]
            }
        }}
    })
}
