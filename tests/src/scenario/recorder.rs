//! The recording server: a pod that returns the responses that scenarios configure, and records the requests
//! that it receives.

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

use super::format::{OTHER, Response, SECURE, SERVER, TLS_CA, TLS_CRT, TLS_KEY};
use crate::wait;

/// Namespace of the recording server, which does not belong to a tenant.
pub(super) const NAMESPACE: &str = "scenario-recorder";
/// Value of the label `app` of the recording server.
pub(super) const APP: &str = "recorder";
/// Port for HTTP.
pub(super) const PORT: u16 = 8080;
/// Port for HTTPS. If the client presents a certificate of the authority, its common name is recorded.
pub(super) const SECURE_PORT: u16 = 8443;
/// Services of the recording server: two host names for the same pod.
pub(super) const SERVICES: [&str; 2] = ["recorder", "recorder-too"];

/// Deadline of the deployment; a pod whose image is present starts in a second or two.
const DEADLINE: Duration = Duration::from_secs(60);
const MANAGER: &str = "scenarios";
const PROGRAM: &str = include_str!("recorder.py");
/// Certificate of an authority whose key was deleted. It and the two certificates that it signed are valid
/// for a hundred years.
const CA: &str = include_str!("tls/ca.crt");
const CLIENT: [&str; 2] = [include_str!("tls/client.crt"), include_str!("tls/client.key")];
const RECORDER: [&str; 2] = [include_str!("tls/server.crt"), include_str!("tls/server.key")];

/// A request that the recording server received.
#[derive(Deserialize, Clone, Debug)]
pub(super) struct Received {
    pub(super) path: String,
    pub(super) method: String,
    pub(super) query: String,
    /// Headers by lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// Returns the placeholders of scenario files with their values.
pub(super) fn placeholders(id: &str) -> Vec<(&'static str, String)> {
    let [server, other] = SERVICES.map(|service| format!("http://{}:{PORT}/{id}", host(service)));
    let secure = SERVICES.first().map(|service| format!("https://{}:{SECURE_PORT}/{id}", host(service)));
    // Line breaks are escaped, since the placeholders are inside of quotes in YAML.
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

/// Returns the DNS name of one of its Services.
pub(super) fn host(service: &str) -> String {
    format!("{service}.{NAMESPACE}.svc.cluster.local")
}

/// Deploys the recording server and waits until it responds.
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
    // A pod can be ready before its Service routes to it, so the check uses the Service.
    let responds = async || Ok(received(client, "none").await.is_ok());
    wait::until("the recording server responds", DEADLINE, responds, |responds| *responds).await?;
    Ok(())
}

/// Configures the responses for a scenario, by path.
pub(super) async fn set_responses(
    client: &Client,
    id: &str,
    responses: &BTreeMap<String, Vec<Response>>,
) -> anyhow::Result<()> {
    let request = http_request("PUT", id, serde_json::to_vec(responses)?)?;
    client.request_text(request).await.context("failed to configure the recording server")?;
    Ok(())
}

/// Returns the requests of a scenario that were received, in order.
pub(super) async fn received(client: &Client, id: &str) -> anyhow::Result<Vec<Received>> {
    let text = client.request_text(http_request("GET", id, Vec::new())?).await;
    serde_json::from_str(&text.context("failed to query the recording server")?)
        .context("failed to parse the record of the recording server")
}

/// Builds a request to the recording server through the proxy of the Kubernetes API server, since this
/// process may have no route to pods.
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
