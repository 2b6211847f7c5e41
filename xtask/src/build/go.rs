//! The Go programs: smb-kube (node, kubectl, images) and helm, and Argo CD for the tests of GitOps.

use crate::build::fingerprint::{Fingerprint, is_fresh, stamp};
use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

/// Go module of this repository, which its script `build.sh` builds.
struct Module {
    /// Folder of the module.
    folder: &'static str,
    /// Files that the script writes.
    outputs: &'static [&'static str],
    /// File with the fingerprint of what was built last.
    stamp: &'static str,
}

const KUBE: Module = Module { folder: "local/kube", outputs: &["smb-kube", "helm"], stamp: "go.stamp" };
const ARGOCD: Module =
    Module { folder: "local/argocd", outputs: &["smb-argocd", "argocd.yaml"], stamp: "argocd.stamp" };

/// Builds smb-kube and helm if their sources have changed.
///
/// # Errors
/// Returns an error if the Go compiler fails, or if the stamp file cannot be written.
pub(crate) fn build(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    KUBE.build(phase, checkout)?;
    link_kubectl(checkout)
}

/// Builds smb-argocd if its sources have changed.
///
/// # Errors
/// Returns the errors of [`build`].
pub(crate) fn build_argocd(phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
    ARGOCD.build(phase, checkout)
}

impl Module {
    fn build(&self, phase: &mut Phase<'_>, checkout: &Checkout) -> anyhow::Result<()> {
        let fingerprint = Fingerprint::default().tree(&checkout.path(self.folder))?.finish();
        let stamp_file = checkout.local().join(self.stamp);
        let built = self.outputs.iter().all(|name| checkout.local().join(name).is_file());
        if built && is_fresh(&stamp_file, &fingerprint) {
            phase.outcome("up to date");
            return Ok(());
        }
        phase.advice(
            "check that `go version` says 1.26 or newer, and that the Go module proxy can be reached",
        );
        let script = checkout.path(self.folder).join("build.sh");
        phase.exec(Program::new("sh").arg(script).arg(checkout.local()))?;
        stamp(&stamp_file, &fingerprint)
    }
}

/// Links kubectl to smb-kube, which behaves as kubectl when it is called by that name.
fn link_kubectl(checkout: &Checkout) -> anyhow::Result<()> {
    let link = checkout.local().join("kubectl");
    match std::os::unix::fs::symlink("smb-kube", link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}
