//! Starting and ending the local Kubernetes.

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

/// How much of a cluster is started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// etcd, API server and controller manager.
    ControlPlane,
    /// A whole node, where pods run.
    Node,
    /// The same, with a log of all requests: for benchmarks.
    AuditedNode,
}

/// The node port of the api-server inside; the port outside is the instance's.
pub(crate) const API_NODE_PORT: u16 = 30_080;

/// Ten times what a boot takes on two cores.
const BOOT_LIMIT: Duration = Duration::from_secs(150);
const DOWN_LIMIT: Duration = Duration::from_secs(60);

/// Starts the instance, or finds it running, and writes a kubeconfig that belongs to the user.
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
            vec!["node".to_owned(), "--forward".to_owned(), format!("{}={API_NODE_PORT}", ports.api)]
        }
    };
    let audit = (mode == Mode::AuditedNode).then_some("--audit");
    let state = instance.kube_state();
    phase.advice(format!(
        "look into {}; `cargo xtask down --instance {}` and start again",
        state.join("logs").display(),
        instance.name
    ));
    let program = smb_kube(checkout)
        .args(["up", "--instance", &instance.name, "--state"])
        .arg(&state)
        .args(["--kube-port", &ports.kubernetes.to_string(), "--mode"])
        .args(mode_args)
        .args(audit);
    phase.exec(program.limit(BOOT_LIMIT))?;
    copy_kubeconfig(phase, instance)
}

/// Ends the instance with this state. Nothing there is success.
pub(crate) fn down(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    state: &Path,
    data: Data,
) -> anyhow::Result<()> {
    let program = smb_kube(checkout).args(["down", "--state"]).arg(state);
    let program = match data {
        Data::Keep => program,
        Data::Purge => program.arg("--purge"),
    };
    phase.exec(program.limit(DOWN_LIMIT))
}

/// What becomes of the instance's data when it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Keep,
    Purge,
}

/// What `smb-kube status` says.
pub(crate) fn status(checkout: &Checkout, instance: &Instance) -> anyhow::Result<Value> {
    let text = smb_kube(checkout).args(["status", "--state"]).arg(instance.kube_state()).capture()?;
    serde_json::from_str(&text).context("failed to parse the status of the node")
}

/// The node's own program; it needs root for namespaces and mounts.
fn smb_kube(checkout: &Checkout) -> Program {
    Program::as_root(checkout.local().join("smb-kube"))
}

/// The node's kubeconfig is root's; the user gets a copy of his own.
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
