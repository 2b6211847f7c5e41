//! What this machine must have. What Debian can give is installed; the rest is said at once.

use anyhow::bail;

use crate::phase::Phase;
use crate::program::{self, Program};

/// Programs that xtask itself calls, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 5] =
    [("cc", "gcc"), ("strip", "binutils"), ("openssl", "openssl"), ("curl", "curl"), ("mold", "mold")];

/// What a local cluster needs on top: the list of `smb-kube preflight`, which is not built yet when it is asked for.
const NODE_PACKAGES: [(&str, &str); 5] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("mmdebstrap", "mmdebstrap"),
    ("musl-gcc", "musl-tools"),
];

/// What the work to come needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Compilers alone.
    Build,
    /// A local Kubernetes and images.
    Node,
    /// Images, and a registry to push them to.
    Registry,
    /// A temporary Postgres.
    Postgres,
    /// Python, for the tests of its host.
    Python,
    /// Python's installer, for programs that Debian does not have.
    Pip,
}

/// The Debian packages that are missing.
pub(crate) fn missing(needs: &[Need]) -> Vec<&'static str> {
    let mut wanted: Vec<(&str, &str)> = PROGRAMS.to_vec();
    let images = needs.contains(&Need::Node) || needs.contains(&Need::Registry);
    if images {
        wanted.extend(NODE_PACKAGES);
    }
    if needs.contains(&Need::Registry) {
        wanted.push(("skopeo", "skopeo"));
    }
    if needs.contains(&Need::Python) {
        wanted.push(("python3", "python3"));
    }
    if needs.contains(&Need::Pip) {
        wanted.push(("pip3", "python3-pip"));
    }
    let mut packages: Vec<&str> =
        wanted.into_iter().filter(|(name, _)| !program::exists(name)).map(|(_, package)| package).collect();
    if needs.contains(&Need::Node) && !std::path::Path::new("/usr/lib/cni/ptp").exists() {
        packages.push("containernetworking-plugins");
    }
    if needs.contains(&Need::Postgres) && crate::test::postgres::programs().is_none() {
        packages.push("postgresql-15");
    }
    packages
}

/// Refuses at once what cannot work here. Errors: why, and the way out.
pub(crate) fn check(needs: &[Need]) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("a local cluster needs Linux; use one that exists: --context NAME --registry HOST");
    }
    for (name, source) in [("cargo", "rustup.rs"), ("go", "go.dev/dl")] {
        if !program::exists(name) {
            bail!("{name} is not in PATH; install it from https://{source}");
        }
    }
    if needs.contains(&Need::Node) {
        check_node()?;
    }
    Ok(())
}

fn check_node() -> anyhow::Result<()> {
    let otherwise = "or use a cluster that exists: --context NAME --registry HOST";
    if !nix::unistd::geteuid().is_root() && !program::exists("sudo") {
        bail!("a local cluster needs root (namespaces, mounts): run as root or install sudo, {otherwise}");
    }
    if !has_overlayfs() {
        // A module that nothing has needed yet. Whether it was found is seen right after.
        let _ = Program::as_root("modprobe").arg("overlay").capture();
    }
    if !has_overlayfs() {
        bail!("the kernel has no overlayfs, which containers need: take another machine, {otherwise}");
    }
    Ok(())
}

fn has_overlayfs() -> bool {
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    filesystems.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay")
}

/// Installs the packages with apt-get. Errors: there is none, or it fails.
pub(crate) fn install(phase: &mut Phase<'_>, packages: &[&str]) -> anyhow::Result<()> {
    if packages.is_empty() {
        phase.outcome("nothing is missing");
        return Ok(());
    }
    let list = packages.join(" ");
    if !program::exists("apt-get") {
        bail!("this is no Debian; install by hand what these packages have: {list}");
    }
    phase.advice(format!("install them by hand: apt-get install --no-install-recommends {list}"));
    let apt = |args: &[&str]| Program::as_root("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive");
    phase.exec(apt(&["update", "--quiet"]))?;
    phase.exec(apt(&["install", "--quiet", "--yes", "--no-install-recommends"]).args(packages))?;
    phase.outcome(format!("installed {list}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests alone must not drag in a container runtime.
    #[test]
    fn building_needs_no_container_runtime() {
        assert!(!missing(&[Need::Build]).contains(&"containerd"));
    }
}
