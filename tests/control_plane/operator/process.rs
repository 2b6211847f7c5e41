//! The operator under test: one process that all tests share and that ends with the test process.

use std::{
    env, fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
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
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tests::{cluster, wait};
use tokio::sync::{Mutex, MutexGuard};

/// Namespace in which the chart is installed.
const NAMESPACE: &str = "smb-copilot";
const ACCOUNT: &str = "smb-copilot-operator";
/// Lease of the operator under test, different from that of an installed chart.
const LEASE: &str = "operator-under-test";
/// Lifetime of the token in seconds, longer than all tests take.
const TOKEN_SECONDS: i64 = 3_600;

/// Shell script that runs the operator. It kills the operator when its standard input is closed, which happens at
/// the latest when the test process ends, and exits when the operator exits.
const SHELL: &str = "exec 3<&0; \"$0\" </dev/null & operator=$!; \
                     { cat <&3 >/dev/null; kill -9 $operator; } & exec 3<&-; wait $operator";

static RUNNING: Mutex<Option<Child>> = Mutex::const_new(None);
/// Address at which the operator serves its metrics.
static METRICS: OnceLock<SocketAddr> = OnceLock::new();

/// Starts the operator unless it is running.
pub(super) async fn ensure(client: &Client) -> anyhow::Result<()> {
    let mut running = RUNNING.lock().await;
    let alive = match running.as_mut() {
        Some(child) => child.try_wait()?.is_none(),
        None => false,
    };
    if !alive {
        *running = Some(start(client).await?);
    }
    Ok(())
}

/// A second operator, which reconciles at the same time as the one that all tests share: it has another lease. It ends when
/// this value is dropped.
pub(super) struct SecondOperator(Child);

impl SecondOperator {
    /// Starts a second operator.
    pub(super) async fn start(client: &Client) -> anyhow::Result<Self> {
        Ok(Self(start_with_lease(client, &cluster::unique("second-operator"), "127.0.0.1:0").await?))
    }
}

impl Drop for SecondOperator {
    fn drop(&mut self) {
        // The shell sends SIGKILL to the operator when its standard input ends.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Guard that keeps the operator stopped: no test can start one until the guard is dropped or [`Stopped::start`] is
/// called.
pub(super) struct Stopped(MutexGuard<'static, Option<Child>>);

/// Kills the operator with SIGKILL, after a check that no concurrency slot had to be corrected.
pub(super) async fn kill() -> anyhow::Result<Stopped> {
    let mut running = RUNNING.lock().await;
    if let Some(mut child) = running.take() {
        // An operator that has just been started serves no metrics yet, and one that another test has ended serves none.
        if let Ok(metrics) = reqwest::get(format!("http://{}/metrics", metrics_address()?)).await {
            let metrics = metrics.text().await?;
            anyhow::ensure!(metrics.contains("smb_operator_slot_corrections_total 0"), "{metrics}");
        }
        // The shell sends SIGKILL to the operator when its standard input ends.
        drop(child.stdin.take());
        child.wait()?;
    }
    Ok(Stopped(running))
}

impl Stopped {
    /// Starts a new operator.
    pub(super) async fn start(mut self, client: &Client) -> anyhow::Result<()> {
        *self.0 = Some(start(client).await?);
        Ok(())
    }
}

/// Transfers the lease to another holder, as happens when the operator does not renew it in time. Returns the
/// operator's process ID.
pub(super) async fn take_lease(client: &Client) -> anyhow::Result<Option<u32>> {
    // While the lock is held, no other test replaces the operator or its lease.
    let running = RUNNING.lock().await;
    let now = telemetry::clock::now().to_string();
    let now = now.split_once('.').map_or(now.clone(), |(seconds, _)| format!("{seconds}.000000Z"));
    let transfer =
        json!({"spec": {"holderIdentity": "another", "renewTime": now, "leaseDurationSeconds": 15}});
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    leases.patch(LEASE, &PatchParams::default(), &Patch::Merge(transfer)).await?;
    Ok(running.as_ref().map(Child::id))
}

/// Returns whether the process with this ID has ended, by itself or because another test killed it.
pub(super) async fn has_ended(id: Option<u32>) -> anyhow::Result<bool> {
    let mut running = RUNNING.lock().await;
    Ok(match running.as_mut().filter(|child| Some(child.id()) == id) {
        Some(child) => child.try_wait()?.is_some(),
        None => true,
    })
}

/// Returns the highest amount of memory that the operator has had since its start, in bytes.
pub(super) async fn peak_memory() -> anyhow::Result<u64> {
    let running = RUNNING.lock().await;
    let shell = running.as_ref().context("no operator is running")?.id();
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
    for child in children.split_whitespace() {
        if fs::read_to_string(format!("/proc/{child}/comm"))?.trim() == "operator" {
            return peak_memory_of(child);
        }
    }
    anyhow::bail!("the shell {shell} has not started the operator yet")
}

fn peak_memory_of(process: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes =
        peak.and_then(|peak| peak.trim().strip_suffix(" kB")).context("no VmHWM in the status")?;
    Ok(kibibytes.trim().parse::<u64>()? * 1024)
}

async fn start(client: &Client) -> anyhow::Result<Child> {
    start_with_lease(client, LEASE, &metrics_address()?.to_string()).await
}

async fn start_with_lease(client: &Client, lease: &str, metrics: &str) -> anyhow::Result<Child> {
    let kubeconfig = write_kubeconfig(client).await?;
    let leases: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    // Without this, the new operator would wait up to 15 s for the Lease of the killed one to expire.
    if leases.get_opt(lease).await?.is_some() {
        leases.delete(lease, &DeleteParams::default()).await?;
    }
    let log = fs::File::create(directory()?.join(format!("{lease}.log")))?;
    let child = Command::new("sh")
        .args(["-c", SHELL])
        .arg(binary()?)
        .env("KUBECONFIG", kubeconfig)
        .env("SMBCOPILOT_RELEASE_NAMESPACE", NAMESPACE)
        .env("SMBCOPILOT_LEASE_NAME", lease)
        .env("SMBCOPILOT_HEALTH_ADDR", metrics)
        .env("POD_NAME", cluster::unique("operator"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("failed to start the operator")?;
    let holder = async || Ok(leases.get_opt(lease).await?.and_then(|lease| lease.spec?.holder_identity));
    wait::until("the operator holds its lease", Duration::from_secs(60), holder, Option::is_some).await?;
    Ok(child)
}

/// Returns a free address, which is the same in the whole process.
fn metrics_address() -> anyhow::Result<SocketAddr> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(*METRICS.get_or_init(|| free))
}

/// Writes a kubeconfig with the operator's identity and returns its path.
async fn write_kubeconfig(client: &Client) -> anyhow::Result<PathBuf> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let token = accounts
        .create_token_request(ACCOUNT, &PostParams::default(), &request)
        .await
        .context("failed to get a token of the operator: is the chart installed?")?;
    let token = token.status.context("the token request has no status")?.token;
    let own = kube::config::Kubeconfig::read()?;
    let mut config = serde_yaml::to_value(own)?;
    let users = config.get_mut("users").and_then(|users| users.as_sequence_mut());
    for user in
        users.context("the kubeconfig has no users")?.iter_mut().filter_map(|user| user.as_mapping_mut())
    {
        user.insert("user".into(), serde_yaml::from_str(&format!("{{token: {token}}}"))?);
    }
    let path = directory()?.join("operator.kubeconfig");
    let mut file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(serde_yaml::to_string(&config)?.as_bytes())?;
    Ok(path)
}

fn directory() -> anyhow::Result<PathBuf> {
    let directory = env::temp_dir().join(format!("smb-operator-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Returns the path of the operator program, which is built beside the tests.
fn binary() -> anyhow::Result<PathBuf> {
    let tests = env::current_exe()?;
    let built =
        tests.parent().and_then(Path::parent).context("the test program is not in a target directory")?;
    let binary = built.join("operator");
    anyhow::ensure!(
        binary.exists(),
        "{} does not exist: run `cargo build --package operator`",
        binary.display()
    );
    Ok(binary)
}
