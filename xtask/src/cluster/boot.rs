//! Starting and stopping the local Kubernetes.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::checkout::Checkout;
use crate::instance::Instance;
use crate::phase::Phase;
use crate::program::Program;

/// Parts of a cluster that are started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// etcd, API server and controller manager.
    ControlPlane,
    /// A complete node, which runs pods.
    Node,
    /// A complete node with an audit log of all requests, for benchmarks.
    AuditedNode,
}

/// Node port of the api-server. On 127.0.0.1 it has the port of the instance.
pub(crate) const API_NODE_PORT: u16 = 30_080;
/// Node port of the local issuer, as in its manifest. Browsers reach it at the port of the instance.
const ISSUER_NODE_PORT: u16 = 30_081;

/// Ten times what a start takes on two cores.
const START_TIMEOUT: Duration = Duration::from_secs(150);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts the instance unless it is running, and writes a kubeconfig that belongs to the user.
///
/// # Errors
/// Returns an error if the instance does not become ready in time.
pub(crate) fn up(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    instance: &Instance,
    mode: Mode,
) -> anyhow::Result<()> {
    let ports = instance.ports()?;
    let mode_args = match mode {
        Mode::ControlPlane => vec!["control-plane".to_owned()],
        Mode::Node | Mode::AuditedNode => {
            let forward = |port: u16, node_port: u16| ["--forward".to_owned(), format!("{port}={node_port}")];
            let forwards = [forward(ports.api, API_NODE_PORT), forward(ports.issuer(), ISSUER_NODE_PORT)];
            [vec!["node".to_owned()], forwards.concat()].concat()
        }
    };
    let audit = (mode == Mode::AuditedNode).then_some("--audit");
    let state = instance.kube_state();
    phase.advice(format!(
        "read the logs in {}; stop it with `cargo xtask down --instance {}` and start again",
        state.join("logs").display(),
        instance.name
    ));
    let program = smb_kube(checkout)
        .args(["up", "--instance", &instance.name, "--state"])
        .arg(&state)
        .args(["--kube-port", &ports.kubernetes.to_string(), "--mode"])
        .args(mode_args)
        .args(audit);
    phase.exec(program.limit(START_TIMEOUT))?;
    copy_kubeconfig(phase, instance)
}

/// Stops the instance with this state folder. Succeeds if there is none.
///
/// # Errors
/// Returns an error if it does not stop in time.
pub(crate) fn down(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    state: &Path,
    data: Data,
) -> anyhow::Result<()> {
    let program = smb_kube(checkout).args(["down", "--state"]).arg(state);
    let program = match data {
        Data::Retain => program,
        Data::Purge => program.arg("--purge"),
    };
    phase.exec(program.limit(STOP_TIMEOUT))
}

/// Treatment of the instance's data when it is stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// The data is retained.
    Retain,
    /// The data is removed.
    Purge,
}

/// Returns the output of `smb-kube status`.
pub(crate) fn status(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Value> {
    let text = smb_kube(checkout).args(["status", "--state"]).arg(instance.kube_state()).capture()?;
    serde_json::from_str(&text).context("failed to parse the status of the node")
}

/// Returns smb-kube, run as root, which namespaces and mounts require.
fn smb_kube(checkout: &Checkout) -> Program {
    Program::as_root(checkout.local().join("smb-kube"))
}

/// Copies the node's kubeconfig, which only root can read, to one that belongs to the user.
fn copy_kubeconfig(phase: &mut Phase<'_>, instance: &Instance) -> anyhow::Result<()> {
    let text = phase.capture(Program::as_root("cat").arg(instance.kube_state().join("kubeconfig")))?;
    let path = instance.kubeconfig();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("failed to create {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("failed to write {}", path.display()))
}
