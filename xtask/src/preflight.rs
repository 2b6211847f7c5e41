//! Requirements of this machine. Missing Debian packages are installed; any other missing requirement is an error.

use anyhow::bail;
use xtask_launcher::packages::is_in_path;
pub(crate) use xtask_launcher::packages::{Need, missing};

use crate::phase::Phase;
use crate::program::Program;

/// Checks the requirements that cannot be installed.
///
/// # Errors
/// Returns an error that names the missing requirement and the alternative.
pub(crate) fn check(needs: &[Need]) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("a local cluster requires Linux; use an existing cluster: --context NAME --registry HOST");
    }
    for (name, source) in [("cargo", "rustup.rs"), ("go", "go.dev/dl")] {
        if !is_in_path(name) {
            bail!("{name} is not in PATH; install it from https://{source}");
        }
    }
    if needs.contains(&Need::Node) {
        check_node()?;
    }
    Ok(())
}

fn check_node() -> anyhow::Result<()> {
    let otherwise = "or use an existing cluster: --context NAME --registry HOST";
    if !nix::unistd::geteuid().is_root() && !is_in_path("sudo") {
        bail!("a local cluster requires root (namespaces, mounts): run as root or install sudo, {otherwise}");
    }
    if !has_overlayfs() {
        // The module is loaded on first use. The check below shows whether it exists.
        let _ = Program::as_root("modprobe").arg("overlay").capture();
    }
    if !has_overlayfs() {
        bail!("the kernel has no overlayfs, which containers require: use another machine, {otherwise}");
    }
    Ok(())
}

fn has_overlayfs() -> bool {
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    filesystems.lines().any(|line| line.trim_start_matches("nodev").trim() == "overlay")
}

/// Installs packages with apt-get.
///
/// # Errors
/// Returns an error if there is no apt-get, or if it fails.
pub(crate) fn install(phase: &mut Phase<'_>, packages: &[&str]) -> anyhow::Result<()> {
    if packages.is_empty() {
        phase.outcome("up to date");
        return Ok(());
    }
    let list = packages.join(" ");
    if !is_in_path("apt-get") {
        bail!("this system has no apt-get; install the equivalents of these Debian packages by hand: {list}");
    }
    phase.advice(format!("install them by hand: apt-get install --no-install-recommends {list}"));
    let apt = |args: &[&str]| Program::as_root("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive");
    phase.exec(apt(&["update", "--quiet"]))?;
    phase.exec(apt(&["install", "--quiet", "--yes", "--no-install-recommends"]).args(packages))?;
    phase.outcome(format!("installed {list}"));
    Ok(())
}
