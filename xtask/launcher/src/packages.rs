//! The Debian packages that the commands need, and which of them are missing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a command is about to do, as far as it decides which packages are needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Compile Rust and Go.
    Build,
    /// Build images and run a local Kubernetes.
    Node,
    /// Build images and push them to a registry.
    Registry,
    /// Run a temporary Postgres.
    Postgres,
    /// Run Python, for the tests of the Python step host.
    Python,
    /// Install programs with pip that Debian does not package.
    Pip,
    /// Run Argo CD.
    Argocd,
}

/// Programs that `xtask` itself calls, each with its Debian package.
const PROGRAMS: [(&str, &str); 5] =
    [("cc", "gcc"), ("strip", "binutils"), ("openssl", "openssl"), ("curl", "curl"), ("mold", "mold")];

/// Programs that images and a local Kubernetes need in addition. Equals the list of `smb-kube preflight`, which is
/// not built yet when this list is needed.
const NODE_PROGRAMS: [(&str, &str); 6] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("mmdebstrap", "mmdebstrap"),
    ("musl-gcc", "musl-tools"),
    ("pip3", "python3-pip"),
];

/// Programs that Argo CD needs. The Redis server is `redis-check-rdb` under another name; the package `redis-server` would
/// also start a service.
const ARGOCD_PROGRAMS: [(&str, &str); 2] = [("git", "git"), ("redis-check-rdb", "redis-tools")];

/// Returns the Debian packages that are needed and not installed.
#[must_use]
pub fn missing(needs: &[Need]) -> Vec<&'static str> {
    let mut programs: Vec<(&str, &str)> = PROGRAMS.to_vec();
    if needs.contains(&Need::Node) || needs.contains(&Need::Registry) {
        programs.extend(NODE_PROGRAMS);
    }
    if needs.contains(&Need::Registry) {
        programs.push(("skopeo", "skopeo"));
    }
    if needs.contains(&Need::Python) {
        programs.push(("python3", "python3"));
    }
    if needs.contains(&Need::Pip) {
        programs.push(("pip3", "python3-pip"));
    }
    if needs.contains(&Need::Argocd) {
        programs.extend(ARGOCD_PROGRAMS);
    }
    let mut packages: Vec<&str> =
        programs.into_iter().filter(|(name, _)| !is_in_path(name)).map(|(_, package)| package).collect();
    if needs.contains(&Need::Node) && !Path::new("/usr/lib/cni/ptp").exists() {
        packages.push("containernetworking-plugins");
    }
    if needs.contains(&Need::Postgres) && postgres_programs().is_none() {
        packages.push("postgresql-15");
    }
    packages
}

/// Returns whether a program is in `PATH`, or in the folders of system programs that `PATH` often lacks.
#[must_use]
pub fn is_in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").into(), Path::new("/sbin").into()])
        .any(|dir| dir.join(name).is_file())
}

/// Returns the folder with the programs of the newest Postgres server, which Debian installs outside of `PATH`.
#[must_use]
pub fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    folders.sort();
    folders.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests that need no cluster install no container runtime.
    #[test]
    fn building_needs_no_container_runtime() {
        assert!(!missing(&[Need::Build]).contains(&"containerd"));
    }
}
