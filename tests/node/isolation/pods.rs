//! Pods that listen for connections, and pods that try to connect.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tests::{cluster, wait};

/// Port of a [`Listener`].
pub(super) const PORT: u16 = 8080;
/// Deadline of a wait: ten times the start of a pod, which takes a second or two, and more beside other tests.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// Program of a probing pod, which writes its result to the termination message. A permitted connection takes
/// milliseconds; a denied one gets no response at all.
const PROBE_PROGRAM: &str = "
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def probe(target):
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
    found = dict(zip(targets, pool.map(probe, targets)))
with open('/dev/termination-log', 'w') as file:
    json.dump(found, file)
";

/// Result of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Connection {
    /// The connection was accepted.
    Open,
    /// The connection was refused: no process listens, but no policy denies it.
    Refused,
    /// There was no response: a policy denies the connection.
    Closed,
    /// The host name cannot be resolved.
    Unknown,
}

/// Whether a pod has a token of its service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Mounted,
    None,
}

/// A pod that accepts connections on [`PORT`].
pub(super) struct Listener {
    pods: Api<Pod>,
    /// Name of the pod, and value of its label `isolation`.
    pub(super) name: String,
    /// Address as `IP:PORT`.
    pub(super) address: String,
}

impl Listener {
    /// Starts a listener and waits until its readiness probe has succeeded.
    pub(super) async fn start(client: &Client, namespace: &str) -> anyhow::Result<Self> {
        Self::start_as(client, namespace, "default").await
    }

    /// Starts a listener with this service account, but without a token.
    pub(super) async fn start_as(client: &Client, namespace: &str, account: &str) -> anyhow::Result<Self> {
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let command =
            json!(["python3", "-m", "http.server", PORT.to_string(), "--directory", "/usr/share/doc"]);
        let readiness = json!({"tcpSocket": {"port": PORT}, "periodSeconds": 1});
        let container = json!({"command": command, "readinessProbe": readiness});
        let name = create(&pods, "listener", account, Token::None, &container).await?;
        let is_ready = |pod: &Pod| condition(pod, "Ready").is_some_and(|status| status == "True");
        let pod =
            wait::until("the listener is ready", DEADLINE, async || Ok(pods.get(&name).await?), is_ready);
        let address =
            pod.await?.status.and_then(|status| status.pod_ip).context("the ready pod has no address")?;
        Ok(Self { pods, address: format!("{address}:{PORT}"), name })
    }

    /// Deletes the pod.
    pub(super) async fn delete(self) -> anyhow::Result<()> {
        delete(&self.pods, &self.name).await
    }
}

/// Tries to connect to each of the targets (`HOST:PORT`) from a new pod in a namespace.
pub(super) async fn probe(
    client: &Client,
    namespace: &str,
    targets: &[&str],
) -> anyhow::Result<BTreeMap<String, Connection>> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut command = vec!["python3", "-c", PROBE_PROGRAM];
    command.extend(targets);
    let message = run(&pods, "default", Token::None, &json!({"command": command})).await?;
    serde_json::from_str(&message).with_context(|| format!("the prober of {namespace} wrote {message:?}"))
}

/// Runs a Python program with arguments in a new pod that has a token of its service account, and returns what the program has
/// written to the termination message as JSON.
pub(super) async fn python<T: DeserializeOwned>(
    client: &Client,
    (namespace, account): (&str, &str),
    program: &str,
    arguments: &[&str],
) -> anyhow::Result<T> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut command = vec!["python3", "-c", program];
    command.extend(arguments);
    let message = run(&pods, account, Token::Mounted, &json!({"command": command})).await?;
    serde_json::from_str(&message)
        .with_context(|| format!("the program of {account} in {namespace} wrote {message:?}"))
}

/// Runs a pod to its end, deletes it, and returns its termination message.
async fn run(pods: &Api<Pod>, account: &str, token: Token, container: &Value) -> anyhow::Result<String> {
    let name = create(pods, "prober", account, token, container).await?;
    let observe = async || Ok(message(&pods.get(&name).await?));
    let message = wait::until("the prober has ended", DEADLINE, observe, Option::is_some).await?;
    delete(pods, &name).await?;
    Ok(message.unwrap_or_default())
}

/// Tries to connect to one target from a new pod in a namespace.
pub(super) async fn connect(client: &Client, namespace: &str, target: &str) -> anyhow::Result<Connection> {
    let found = probe(client, namespace, &[target]).await?;
    found.get(target).copied().with_context(|| format!("{target} was not probed"))
}

/// Returns the termination message of the container, once it has ended.
fn message(pod: &Pod) -> Option<String> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let ended = container.state.as_ref()?.terminated.as_ref()?;
    Some(ended.message.clone().unwrap_or_default())
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.status.as_str())
}

/// Creates a pod that satisfies the restricted Pod Security Standard and requests few resources.
async fn create(
    pods: &Api<Pod>,
    prefix: &str,
    account: &str,
    token: Token,
    container: &Value,
) -> anyhow::Result<String> {
    let name = cluster::unique(prefix);
    let container = with_security_and_resources(container);
    let pod = json!({
        "metadata": {"name": name, "labels": {"isolation": name}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": account,
            "automountServiceAccountToken": token == Token::Mounted,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    Ok(name)
}

fn with_security_and_resources(container: &Value) -> Value {
    let mut complete = json!({
        "name": "python",
        "image": "docker.io/smb-copilot/python:local",
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
    });
    if let (Some(complete), Some(own)) = (complete.as_object_mut(), container.as_object()) {
        complete.extend(own.clone());
    }
    complete
}

async fn delete(pods: &Api<Pod>, name: &str) -> anyhow::Result<()> {
    pods.delete(name, &DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() }).await?;
    Ok(())
}
