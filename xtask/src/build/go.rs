//! The Go programs: smb-kube (node, kubectl, images) and helm.

use crate::build::fingerprint::{Fingerprint, is_fresh, stamp};
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

fn is_stale(checkout: &Checkout) -> anyhow::Result<bool> {
    let built = ["smb-kube", "helm"].iter().all(|name| checkout.local().join(name).is_file());
    Ok(!built || !is_fresh(&checkout.local().join(STAMP), &fingerprint(checkout)?))
}

/// Builds both programs if their sources have changed.
///
/// # Errors
/// Returns an error if the Go compiler fails, or if the stamp file cannot be written.
pub(crate) fn build(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    if !is_stale(checkout)? {
        phase.outcome("up to date");
        return Ok(());
    }
    phase.advice("check that `go version` says 1.26 or newer, and that the Go module proxy can be reached");
    let script = checkout.path("local/kube/build.sh");
    phase.exec(Program::new("sh").arg(script).arg(checkout.local()))?;
    link_kubectl(checkout)?;
    stamp(&checkout.local().join(STAMP), &fingerprint(checkout)?)
}

const STAMP: &str = "go.stamp";

fn fingerprint(checkout: &Checkout) -> anyhow::Result<String> {
    Ok(Fingerprint::default().tree(&checkout.path("local/kube"))?.finish())
}

/// Links kubectl to smb-kube, which behaves as kubectl when it is called by that name.
fn link_kubectl(checkout: &Checkout) -> anyhow::Result<()> {
    let link = checkout.local().join("kubectl");
    match std::os::unix::fs::symlink("smb-kube", link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}
