//! The runner under test: the program with the token of a pod that is never started.

use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use k8s_openapi::api::{
    authentication::v1::TokenRequest,
    core::v1::{Pod, ServiceAccount},
};
use kube::{Client, ResourceExt as _, api::PostParams};
use serde_json::json;
use tests::{cluster::unique, test_namespace::TestNamespace, wait};

/// Deadline by which the runner ends: ten times the duration of a run without step hosts.
const RUNNER_DEADLINE: Duration = Duration::from_secs(30);

/// A pod with the credentials of its runner.
pub(super) struct RunnerPod {
    pub(super) uid: String,
    name: String,
    namespace: String,
    directory: PathBuf,
}

impl RunnerPod {
    /// Creates the pod with a token that is bound to it, as the admission policy requires.
    pub(super) async fn create(client: &Client, namespace: &TestNamespace) -> anyhow::Result<Self> {
        let pod = serde_json::from_value(json!({
            "metadata": {"name": unique("runner")},
            "spec": {"serviceAccountName": "smb-runner",
                     "containers": [{"name": "runner", "image": "docker.io/smb-copilot/runner:local"}]},
        }))?;
        let pod: Pod = namespace.api(client).create(&PostParams::default(), &pod).await?;
        let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
        let request: TokenRequest = serde_json::from_value(json!({"metadata": {}, "spec": {
            "audiences": [], "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": uid},
        }}))?;
        let accounts = namespace.api::<ServiceAccount>(client);
        let issued = accounts.create_token_request("smb-runner", &PostParams::default(), &request).await?;
        let token = issued.status.context("the token request has no status")?.token;
        let directory = env::temp_dir().join(format!("smb-{name}"));
        fs::create_dir_all(&directory)?;
        write_kubeconfig(&directory.join("kubeconfig"), &token)?;
        Ok(Self { uid, name, namespace: namespace.name.clone(), directory })
    }

    /// Runs the program until it ends by itself.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let log = fs::File::create(self.directory.join("runner.log"))?;
        let child = Command::new(binary()?)
            .env("KUBECONFIG", self.directory.join("kubeconfig"))
            .env("POD_NAME", &self.name)
            .env("POD_NAMESPACE", &self.namespace)
            .env("POD_UID", &self.uid)
            .env("SMBCOPILOT_TENANT", "fenced")
            .env("SMBCOPILOT_PYTHON_IMAGE", "python")
            .env("SMBCOPILOT_SOCKETS", self.directory.join("sockets"))
            .env("SMBCOPILOT_SECRETS", self.directory.join("secrets"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("failed to start the runner")?;
        let mut child = KilledOnDrop(child);
        let left = async || Ok(child.0.try_wait()?);
        let log = || fs::read_to_string(self.directory.join("runner.log")).unwrap_or_default();
        let left =
            wait::until("the runner ends", RUNNER_DEADLINE, left, Option::is_some).await.with_context(log)?;
        anyhow::ensure!(left.is_some_and(|left| left.success()), "{}", log());
        Ok(())
    }
}

impl Drop for RunnerPod {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A process that is killed when it is dropped.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a kubeconfig with the identity of the token.
fn write_kubeconfig(path: &Path, token: &str) -> anyhow::Result<()> {
    let mut config = serde_yaml::to_value(kube::config::Kubeconfig::read()?)?;
    let users = config.get_mut("users").and_then(|users| users.as_sequence_mut());
    let users = users.context("the kubeconfig has no users")?;
    for user in users.iter_mut().filter_map(|user| user.as_mapping_mut()) {
        user.insert("user".into(), serde_yaml::from_str(&format!("{{token: {token}}}"))?);
    }
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(serde_yaml::to_string(&config)?.as_bytes())?)
}

/// Returns the path of the runner program, which is built beside the tests.
fn binary() -> anyhow::Result<PathBuf> {
    let tests = env::current_exe()?;
    let built =
        tests.parent().and_then(Path::parent).context("the test program is not in a target directory")?;
    let binary = built.join("runner");
    anyhow::ensure!(
        binary.exists(),
        "{} does not exist: run `cargo build --package runner`",
        binary.display()
    );
    Ok(binary)
}
