//! The operator as a process of a test or a benchmark, with the identity that the chart gives it.

use std::{
    env, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use anyhow::Context as _;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    coordination::v1::Lease,
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};

use crate::{child_process, cluster, qdrant_process, wait};

/// Namespace in which the chart is installed.
pub const NAMESPACE: &str = "smb-copilot";
/// Namespace of the pods that find out whether the cluster enforces network policies.
pub const PROBE_NAMESPACE: &str = "smb-copilot-network-probe";
const ACCOUNT: &str = "smb-copilot-operator";
const PROGRAM: &str = "operator";
/// Environment variables of the allocator, as the chart sets them.
const ALLOCATOR: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072")];
/// Lifetime of the token in seconds, longer than all tests take.
const TOKEN_SECONDS: i64 = 3_600;

/// A running operator. It is killed when this value is dropped.
pub struct OperatorProcess(Child);

impl OperatorProcess {
    /// Starts an operator and waits until it holds the lease. It serves its metrics at the address `metrics`.
    ///
    /// # Errors
    /// Returns an error if the chart is not installed, or if the operator does not get the lease in time.
    pub async fn start(client: &Client, lease: &str, metrics: &str) -> anyhow::Result<Self> {
        let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
        // Without this, the new operator would wait up to 15 s for the Lease of the killed one to expire.
        if leases.get_opt(lease).await?.is_some() {
            leases.delete(lease, &DeleteParams::default()).await?;
        }
        let operator = Self::start_as(client, ACCOUNT, lease, metrics).await?;
        let holder = async || Ok(leases.get_opt(lease).await?.and_then(|lease| lease.spec?.holder_identity));
        wait::until("the operator holds its lease", Duration::from_secs(60), holder, Option::is_some).await?;
        Ok(operator)
    }

    /// Starts an operator with the identity of another service account. It may be on standby.
    ///
    /// # Errors
    /// Returns an error if the service account does not exist in the namespace of the chart.
    pub async fn start_as(
        client: &Client,
        account: &str,
        lease: &str,
        metrics: &str,
    ) -> anyhow::Result<Self> {
        let kubeconfig = write_kubeconfig(client, account).await?;
        let mut command = Command::new(child_process::built_program(PROGRAM)?);
        command
            .env("KUBECONFIG", kubeconfig)
            .env("SMBCOPILOT_RELEASE_NAMESPACE", NAMESPACE)
            .env("SMBCOPILOT_LEASE_NAME", lease)
            .env("SMBCOPILOT_HEALTH_ADDR", metrics)
            .env("POD_NAME", cluster::unique("operator"))
            .env("SMBCOPILOT_NETWORK_PROBE_NAMESPACE", PROBE_NAMESPACE)
            .envs(ALLOCATOR)
            .envs(qdrant_environment()?);
        let child = child_process::start(&command, &directory()?.join(format!("{lease}.log")))?;
        Ok(Self(child))
    }

    /// Returns the ID of the shell that runs the operator.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns how the operator has ended; `None` if it is running.
    ///
    /// # Errors
    /// Returns an error if the system cannot tell.
    pub fn exit_status(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Returns the highest amount of memory that the operator has had since its start, in bytes.
    ///
    /// # Errors
    /// Returns an error if the operator has not started or has ended.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        child_process::status_bytes(&self.0, PROGRAM, "VmHWM")
    }
}

impl Drop for OperatorProcess {
    fn drop(&mut self) {
        // The shell sends SIGKILL to the operator when its standard input ends.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Returns the environment variables for the vector database of the tests, if they have one.
fn qdrant_environment() -> anyhow::Result<Vec<(&'static str, String)>> {
    if env::var_os(qdrant_process::PYTHONPATH).is_none() {
        return Ok(Vec::new());
    }
    let key = qdrant_process::KEY.to_owned();
    Ok(vec![("SMBCOPILOT_QDRANT_URL", qdrant_process::url()?), ("SMBCOPILOT_QDRANT_API_KEY", key)])
}

/// Writes a kubeconfig with the identity of a service account of the chart and returns its path.
///
/// # Errors
/// Returns an error if the service account does not exist in the namespace of the chart.
pub async fn write_kubeconfig(client: &Client, account: &str) -> anyhow::Result<PathBuf> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let token = accounts
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .context("failed to get a token of a component: is the chart installed?")?;
    let token = token.status.context("the token request has no status")?.token;
    let own = kube::config::Kubeconfig::read()?;
    let mut config = serde_yaml::to_value(own)?;
    let users = config.get_mut("users").and_then(|users| users.as_sequence_mut());
    for user in
        users.context("the kubeconfig has no users")?.iter_mut().filter_map(|user| user.as_mapping_mut())
    {
        user.insert("user".into(), serde_yaml::from_str(&format!("{{token: {token}}}"))?);
    }
    let path = directory()?.join(format!("{account}.kubeconfig"));
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(serde_yaml::to_string(&config)?.as_bytes())?;
    Ok(path)
}

/// Returns the folder of logs and kubeconfigs of this process, which exists.
///
/// # Errors
/// Returns an error if it cannot be created.
pub fn directory() -> anyhow::Result<PathBuf> {
    let directory = env::temp_dir().join(format!("smb-operator-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}
