//! The programs: Redis, a Git server, and three programs of Argo CD.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use tests::{child_process, environment::variable};

use super::{NAMESPACE, programs};

/// The running programs. They end when this value is dropped, at the latest with the test process.
pub(crate) struct Processes {
    /// Folder of the Git repositories.
    pub(crate) repositories: PathBuf,
    /// URL of the folder.
    pub(crate) url: String,
    _children: Vec<Child>,
}

/// Name of the Redis server. The program decides by its name what it does; Debian packages it as `redis-check-rdb`.
const REDIS: &str = "exec -a redis-server redis-check-rdb \"$@\"";
/// Options of all programs of Argo CD.
const LOG: [&str; 2] = ["--loglevel", "info"];

impl Processes {
    /// Starts all programs, which listen on free ports of 127.0.0.1. Argo CD waits for those that it needs.
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        let repositories = folder.join("repositories");
        for folder in [&repositories, &folder.join("home/.kube"), &folder.join("tmp")] {
            fs::create_dir_all(folder)?;
        }
        fs::copy(variable("KUBECONFIG")?, folder.join("home/.kube/config"))?;
        let (redis, git, server) = (free_port()?, free_port()?, free_port()?);
        let (redis_url, server_url) = (format!("127.0.0.1:{redis}"), format!("127.0.0.1:{server}"));
        let children = [
            ("redis", redis_server(redis)),
            ("git-daemon", git_daemon(&repositories, git)?),
            ("repo-server", repo_server(folder, server, &redis_url)?),
            ("application-controller", application_controller(folder, &server_url, &redis_url)?),
            ("applicationset-controller", applicationset_controller(folder, &server_url)?),
        ];
        let children = children
            .iter()
            .map(|(name, command)| child_process::start(command, &folder.join(format!("{name}.log"))));
        Ok(Self {
            _children: children.collect::<anyhow::Result<_>>()?,
            url: format!("git://127.0.0.1:{git}"),
            repositories,
        })
    }
}

fn redis_server(port: u16) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", REDIS, "redis", "--port", &port.to_string()]);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command
}

fn git_daemon(repositories: &Path, port: u16) -> anyhow::Result<Command> {
    let programs = Command::new("git").arg("--exec-path").output()?.stdout;
    // `git daemon` would start this program as a child, which `kill -9` of the parent does not end.
    let mut command = Command::new(Path::new(String::from_utf8(programs)?.trim()).join("git-daemon"));
    command.args(["--export-all", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}")]);
    command.arg(format!("--base-path={}", repositories.display()));
    Ok(command)
}

fn repo_server(folder: &Path, port: u16, redis: &str) -> anyhow::Result<Command> {
    let mut command = argocd(folder, "repo-server")?;
    command.args(["--disable-tls", "--address", "127.0.0.1", "--metrics-address", "127.0.0.1"]);
    command.args(["--port", &port.to_string(), "--metrics-port", &free_port()?.to_string()]);
    command.args(["--redis", redis]);
    Ok(command)
}

fn application_controller(folder: &Path, repo_server: &str, redis: &str) -> anyhow::Result<Command> {
    let mut command = argocd(folder, "application-controller")?;
    command.args(["--namespace", NAMESPACE, "--repo-server", repo_server, "--repo-server-plaintext"]);
    command.args(["--redis", redis, "--metrics-port", &free_port()?.to_string()]);
    // The tests read the health of single objects from the status of the Application.
    command.args(["--persist-resource-health"]);
    command.args(["--app-resync", "20", "--self-heal-timeout-seconds", "1"]);
    command.env("ARGOCD_SYNC_WAVE_DELAY", "0");
    Ok(command)
}

fn applicationset_controller(folder: &Path, repo_server: &str) -> anyhow::Result<Command> {
    let mut command = argocd(folder, "applicationset-controller")?;
    command.args(["--namespace", NAMESPACE, "--argocd-repo-server", repo_server, "--repo-server-plaintext"]);
    for option in ["--metrics-addr", "--probe-addr", "--webhook-addr"] {
        command.args([option, &format!("127.0.0.1:{}", free_port()?)]);
    }
    Ok(command)
}

/// Returns a program of Argo CD that runs outside of the cluster and behaves as if it ran inside.
fn argocd(folder: &Path, name: &str) -> anyhow::Result<Command> {
    let programs = programs()?;
    let mut command = Command::new(programs.join("smb-argocd"));
    command.arg(name).args(LOG).current_dir(folder);
    command.env("HOME", folder.join("home")).env("KUBECONFIG", folder.join("home/.kube/config"));
    command.env("PATH", format!("{}:{}", programs.display(), variable("PATH")?));
    command.env("TMPDIR", folder.join("tmp"));
    command.env("ARGOCD_FAKE_IN_CLUSTER", "true").env("ARGOCD_GPG_ENABLED", "false");
    for (name, data) in
        [("ARGOCD_GNUPGHOME", "gpg"), ("ARGOCD_SSH_DATA_PATH", "ssh"), ("ARGOCD_TLS_DATA_PATH", "tls")]
    {
        let data = folder.join(data);
        fs::create_dir_all(&data)?;
        command.env(name, data);
    }
    Ok(command)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
