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

use super::format::{Answer, OTHER, SECURE, SERVER, TLS_CA, TLS_CRT, TLS_KEY};
use crate::wait;

/// Its namespace, which is no tenant's.
pub(super) const NAMESPACE: &str = "scenario-recorder";
/// Its label `app`.
pub(super) const APP: &str = "recorder";
/// Its port.
pub(super) const PORT: u16 = 8080;
/// Its port for TLS. Who shows a certificate of the authority is recorded with the name in it.
pub(super) const SECURE_PORT: u16 = 8443;
/// Its Services: the same pod under two hosts' names.
pub(super) const SERVICES: [&str; 2] = ["recorder", "recorder-too"];

/// An image that is there starts in a second or two.
const DEADLINE: Duration = Duration::from_secs(60);
const MANAGER: &str = "scenarios";
const PROGRAM: &str = include_str!("recorder.py");
/// All good for a hundred years: an authority whose key nobody has any more, and for whom it vouches.
const CA: &str = include_str!("tls/ca.crt");
const CLIENT: [&str; 2] = [include_str!("tls/client.crt"), include_str!("tls/client.key")];
const RECORDER: [&str; 2] = [include_str!("tls/server.crt"), include_str!("tls/server.key")];

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

/// What stands for what in a scenario's file.
pub(super) fn stands_for(id: &str) -> Vec<(&'static str, String)> {
    let [server, other] = SERVICES.map(|service| format!("http://{}:{PORT}/{id}", host(service)));
    let secure = SERVICES.first().map(|service| format!("https://{}:{SECURE_PORT}/{id}", host(service)));
    // Inside of quotes in YAML.
    let quoted = |pem: &str| pem.replace('\n', "\\n");
    let [certificate, key] = CLIENT.map(quoted);
    vec![
        (SERVER, server),
        (OTHER, other),
        (SECURE, secure.unwrap_or_default()),
        (TLS_CA, quoted(CA)),
        (TLS_CRT, certificate),
        (TLS_KEY, key),
    ]
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
                         "data": {"recorder.py": PROGRAM, "ca.crt": CA, "server.crt": RECORDER[0], "server.key": RECORDER[1]}});
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    maps.patch(APP, &params, &Patch::Apply(program)).await?;
    for name in SERVICES {
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                             "spec": {"selector": {"app": APP}, "ports": [
                                 {"name": "http", "port": PORT}, {"name": "https", "port": SECURE_PORT}]}});
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
