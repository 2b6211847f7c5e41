//! A service that runs may call: it fails twice for each idempotency key, and then succeeds.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Service},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::wait;

const DEADLINE: Duration = Duration::from_secs(60);
const PROGRAM: &str = r#"
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEEN = {}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        key = self.headers.get("Idempotency-Key")
        SEEN[key] = SEEN.get(key, 0) + 1
        status = 500 if key and SEEN[key] < 3 else 200
        body = json.dumps({"calls": SEEN[key], "nothing": None}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"#;

/// Deploys the service into a namespace with this name and returns its host name.
pub(super) async fn deploy(client: &Client, namespace: &str) -> anyhow::Result<String> {
    let params = PatchParams::apply("node-tests");
    let labels = json!({"app": "flaky"});
    let own = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    Api::<Namespace>::all(client.clone()).patch(namespace, &params, &Patch::Apply(own)).await?;
    let program = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flaky"},
                         "data": {"flaky.py": PROGRAM}});
    Api::<ConfigMap>::namespaced(client.clone(), namespace)
        .patch("flaky", &params, &Patch::Apply(program))
        .await?;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "flaky"},
                         "spec": {"selector": labels, "ports": [{"port": 8080}]}});
    Api::<Service>::namespaced(client.clone(), namespace)
        .patch("flaky", &params, &Patch::Apply(service))
        .await?;
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
    deployments.patch("flaky", &params, &Patch::Apply(deployment())).await?;
    let is_up = |deployment: &Deployment| {
        deployment.status.as_ref().and_then(|status| status.available_replicas) == Some(1)
    };
    wait::until("the service is up", DEADLINE, async || Ok(deployments.get("flaky").await?), is_up).await?;
    Ok(format!("flaky.{namespace}.svc.cluster.local"))
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "flaky"},
        "spec": {"selector": {"matchLabels": {"app": "flaky"}}, "template": {
            "metadata": {"labels": {"app": "flaky"}},
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "http", "image": "docker.io/smb-copilot/python:local", "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "/srv/flaky.py"],
                    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                    "volumeMounts": [{"name": "program", "mountPath": "/srv"}]
                }],
                "volumes": [{"name": "program", "configMap": {"name": "flaky"}}]
            }
        }}
    })
}
