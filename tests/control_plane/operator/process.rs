//! The operator under test: one process that all tests share and that ends with the test process.

use std::{net::SocketAddr, sync::OnceLock};

use anyhow::Context as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tests::{
    cluster,
    operator_process::{NAMESPACE, OperatorProcess},
};
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Lease of the operator under test, different from that of an installed chart.
const LEASE: &str = "operator-under-test";

static RUNNING: Mutex<Option<OperatorProcess>> = Mutex::const_new(None);
/// Held by tests that need what the operator remembers, and alone by a test that kills it.
static SAME_OPERATOR: RwLock<()> = RwLock::const_new(());
/// Address at which the operator serves its metrics.
static METRICS: OnceLock<SocketAddr> = OnceLock::new();

/// Starts the operator unless it is running.
pub(super) async fn ensure(client: &Client) -> anyhow::Result<()> {
    let mut running = RUNNING.lock().await;
    let alive = match running.as_mut() {
        Some(child) => child.exit_status()?.is_none(),
        None => false,
    };
    if !alive {
        *running = Some(start(client).await?);
    }
    Ok(())
}

/// Returns a guard until whose end no other test kills the operator or starts a second one. An operator that has just been started
/// restores a changed child and cannot report it, since it does not know the child as it was before. It publishes no Event about
/// changes before its start, and two operators publish each twice.
pub(super) async fn retain() -> RwLockReadGuard<'static, ()> {
    SAME_OPERATOR.read().await
}

/// Waits until no test needs what the operator remembers, and returns a guard for the time in which it ends.
pub(super) async fn alone() -> RwLockWriteGuard<'static, ()> {
    SAME_OPERATOR.write().await
}

/// A second operator, which reconciles at the same time as the one that all tests share: it has another lease. It ends when
/// this value is dropped. Until then no test can [`retain`] or kill the shared one.
#[expect(dead_code, reason = "they are dropped")]
pub(super) struct SecondOperator {
    process: OperatorProcess,
    alone: RwLockWriteGuard<'static, ()>,
}

impl SecondOperator {
    /// Starts a second operator.
    pub(super) async fn start(client: &Client) -> anyhow::Result<Self> {
        let alone = alone().await;
        let process =
            OperatorProcess::start(client, &cluster::unique("second-operator"), "127.0.0.1:0").await?;
        Ok(Self { process, alone })
    }
}

/// Guard that keeps the operator stopped: no test can start one until the guard is dropped or [`Stopped::start`] is
/// called.
pub(super) struct Stopped {
    running: MutexGuard<'static, Option<OperatorProcess>>,
    _alone: RwLockWriteGuard<'static, ()>,
}

/// Kills the operator with SIGKILL, after a check that no concurrency slot had to be corrected.
pub(super) async fn kill() -> anyhow::Result<Stopped> {
    let alone = alone().await;
    let mut running = RUNNING.lock().await;
    if let Some(child) = running.take() {
        // An operator that has just been started serves no metrics yet, and one that another test has ended serves none.
        if let Ok(metrics) = reqwest::get(format!("http://{}/metrics", metrics_address()?)).await {
            let metrics = metrics.text().await?;
            anyhow::ensure!(metrics.contains("smb_operator_slot_corrections_total 0"), "{metrics}");
        }
        drop(child);
    }
    Ok(Stopped { running, _alone: alone })
}

impl Stopped {
    /// Starts a new operator.
    pub(super) async fn start(mut self, client: &Client) -> anyhow::Result<()> {
        *self.running = Some(start(client).await?);
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
    Ok(running.as_ref().map(OperatorProcess::id))
}

/// Returns whether the process with this ID has ended, by itself or because another test killed it.
pub(super) async fn has_ended(id: Option<u32>) -> anyhow::Result<bool> {
    let mut running = RUNNING.lock().await;
    Ok(match running.as_mut().filter(|child| Some(child.id()) == id) {
        Some(child) => child.exit_status()?.is_some(),
        None => true,
    })
}

/// Returns the highest amount of memory that the operator has had since its start, in bytes.
pub(super) async fn peak_memory() -> anyhow::Result<u64> {
    let running = RUNNING.lock().await;
    running.as_ref().context("no operator is running")?.peak_memory()
}

async fn start(client: &Client) -> anyhow::Result<OperatorProcess> {
    OperatorProcess::start(client, LEASE, &metrics_address()?.to_string()).await
}

/// Returns a free address, which is the same in the whole process.
pub(super) fn metrics_address() -> anyhow::Result<SocketAddr> {
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(*METRICS.get_or_init(|| free))
}
