//! Pods that listen, and pods that try to connect.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::{cluster, wait};

/// The port on which [`Listener`]s listen.
pub(super) const PORT: u16 = 8080;
/// Pods start within a second or two; with all scenarios at once it is more. Ten times that.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// What the program of a prober leaves is the message of its container's end. A connection that is let through takes
/// milliseconds; one that is not has no answer at all.
const PROBE: &str = "
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def look(target):
    host, port = target.rsplit(':', 1)
    try:
        address = socket.gethostbyname(host)
    except OSError:
        return 'Unknown'
    try:
        socket.create_connection((address, int(port)), timeout=4).close()
        return 'Open'
    except ConnectionRefusedError:
        return 'Refused'
    except OSError:
        return 'Closed'

targets = sys.argv[1:]
with ThreadPoolExecutor(len(targets)) as pool:
    found = dict(zip(targets, pool.map(look, targets)))
with open('/dev/termination-log', 'w') as file:
    json.dump(found, file)
";

/// What a pod found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Door {
    /// Somebody answered.
    Open,
    /// Nobody listens there, but the way is free.
    Refused,
    /// Nothing came back.
    Closed,
    /// The name is not known.
    Unknown,
}

/// A pod that accepts connections on [`PORT`].
pub(super) struct Listener {
    pods: Api<Pod>,
    /// The pod's name; also the value of its label `isolation`.
    pub(super) name: String,
    /// Its address, as `IP:PORT`.
    pub(super) address: String,
}

impl Listener {
    /// Starts one. It is there when the node's own look at its port succeeded.
    pub(super) async fn start(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        Self::start_as(client, namespace, "default").await
    }

    /// Starts one that has this service account, but no token of it.
    pub(super) async fn start_as(client: &Client, namespace: &str, account: &str) -> anyhow::Result<Self> {
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let command =
            json!(["python3", "-m", "http.server", PORT.to_string(), "--directory", "/usr/share/doc"]);
        let look = json!({"tcpSocket": {"port": PORT}, "periodSeconds": 1});
        let name =
            create(&pods, "listener", account, &json!({"command": command, "readinessProbe": look})).await?;
        let is_ready = |pod: &Pod| condition(pod, "Ready").is_some_and(|status| status == "True");
        let pod =
            wait::until("the listener is ready", DEADLINE, async || Ok(pods.get(&name).await?), is_ready);
        let address =
            pod.await?.status.and_then(|status| status.pod_ip).context("a ready pod has an address")?;
        Ok(Self { pods, address: format!("{address}:{PORT}"), name })
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        delete(&self.pods, &self.name).await
    }
}

/// What a new pod of a namespace finds at each of the targets (`HOST:PORT`).
pub(super) async fn probe(
    client: &Client,
    namespace: &str,
    targets: &[&str],
) -> anyhow::Result<BTreeMap<String, Door>> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut command = vec!["python3", "-c", PROBE];
    command.extend(targets);
    let name = create(&pods, "prober", "default", &json!({"command": command})).await?;
    let look = async || Ok(message(&pods.get(&name).await?));
    let message = wait::until("the prober has ended", DEADLINE, look, Option::is_some).await?;
    delete(&pods, &name).await?;
    let message = message.unwrap_or_default();
    serde_json::from_str(&message).with_context(|| format!("the prober of {namespace} said {message:?}"))
}

/// As [`probe`], at one target.
pub(super) async fn door(client: &Client, namespace: &str, target: &str) -> anyhow::Result<Door> {
    let found = probe(client, namespace, &[target]).await?;
    found.get(target).copied().with_context(|| format!("{target} was not looked at"))
}

/// The message of the container's end; empty where it left none.
fn message(pod: &Pod) -> Option<String> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let ended = container.state.as_ref()?.terminated.as_ref()?;
    Some(ended.message.clone().unwrap_or_default())
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.status.as_str())
}

/// A pod as the restricted profile of pod security wants it, and as small as quotas like it.
async fn create(pods: &Api<Pod>, prefix: &str, account: &str, container: &Value) -> anyhow::Result<String> {
    let name = cluster::unique(prefix);
    let container = with_bounds(container);
    let pod = json!({
        "metadata": {"name": name, "labels": {"isolation": name}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": account,
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    Ok(name)
}

fn with_bounds(container: &Value) -> Value {
    let mut whole = json!({
        "name": "python",
        "image": "docker.io/smb-copilot/python:local",
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
    });
    if let (Some(whole), Some(own)) = (whole.as_object_mut(), container.as_object()) {
        whole.extend(own.clone());
    }
    whole
}

async fn delete(pods: &Api<Pod>, name: &str) -> anyhow::Result<()> {
    pods.delete(name, &DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() }).await?;
    Ok(())
}
