//! Connections to all step hosts of this pod, and the assignment of steps to hosts.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared, try_join_all},
};
use protocol::host::StepId;
use tokio::time::timeout;

use crate::step_host::{
    client::{HostLost, ResetPart, StepHost},
    connect::{ConnectError, connect},
};

/// Timeout of a reset. It takes milliseconds, unless a run has left hundreds of thousands of files.
const RESET_TIMEOUT: Duration = Duration::from_secs(30);

type Connection = Shared<BoxFuture<'static, Result<StepHost, HostUnavailable>>>;

/// Connections to the hosts of this pod. The hosts exit when all clones, and all [`StepHost`]s obtained from them,
/// are dropped.
#[derive(Clone)]
pub(crate) struct HostConnections {
    /// Connections by index of the host.
    hosts: Arc<BTreeMap<usize, Connection>>,
    last_id: Arc<AtomicU64>,
}

/// Hosts of this pod with the assignment of one workflow's steps to them.
#[derive(Clone)]
pub(crate) struct Hosts {
    plan: Arc<domain::hosts::Hosts>,
    connections: HostConnections,
}

/// The directory of the hosts' sockets cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to list the step hosts in {}", path.display())]
pub(crate) struct HostsError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The host of a step is not connected.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HostUnavailable {
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    #[error(transparent)]
    Lost(#[from] HostLost),
    /// A host has not reported the end of a reset.
    #[error("failed to reset the step hosts within {seconds} s")]
    ResetTimeout { seconds: u64 },
    /// The pod has no host for the step.
    #[error("found no step host for step {step}")]
    Unknown { step: String },
}

impl HostConnections {
    /// Starts connecting to every host that has a directory `host-<index>` below `sockets`.
    ///
    /// This happens before a run is assigned, since a host waits only some minutes for its runner, and one without a
    /// connection would never exit.
    ///
    /// # Errors
    /// Returns an error if the directory exists but cannot be listed.
    pub(crate) fn open(sockets: &Path) -> Result<Self, HostsError> {
        let failed = |source| HostsError { path: sockets.to_owned(), source };
        let mut hosts = BTreeMap::new();
        let entries = match sockets.read_dir() {
            // The pod of a workflow without steps for hosts has no such directory.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries.map_err(failed)?),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let index = name.to_str().and_then(|name| name.strip_prefix("host-")?.parse().ok());
            if let Some(index) = index {
                hosts.insert(index, start_connecting(entry.path().join("host.sock")));
            }
        }
        Ok(Self { hosts: Arc::new(hosts), last_id: Arc::default() })
    }

    /// Resets all hosts after a run, so that the next one finds nothing of it. A host that is not connected yet has not
    /// executed any step.
    ///
    /// # Errors
    /// Returns an error if a host cannot be reset. The pod must not execute another run then.
    pub(crate) async fn reset(&self) -> Result<(), HostUnavailable> {
        let connected: Vec<StepHost> =
            self.hosts.values().filter_map(|host| host.peek()?.clone().ok()).collect();
        let reset = async {
            for part in [ResetPart::KillAll, ResetPart::Clear] {
                try_join_all(connected.iter().map(|host| host.reset(part))).await?;
            }
            Ok(())
        };
        let seconds = RESET_TIMEOUT.as_secs();
        timeout(RESET_TIMEOUT, reset).await.unwrap_or(Err(HostUnavailable::ResetTimeout { seconds }))
    }
}

/// Connects to a host in the background.
fn start_connecting(path: PathBuf) -> Connection {
    let connection =
        async move { connect(&path).await.map_err(|error| HostUnavailable::Connect(Arc::new(error))) };
    let connection: Connection = connection.boxed().shared();
    // The task ends by itself: it connects or reaches the timeout.
    tokio::spawn(connection.clone());
    connection
}

impl Hosts {
    pub(crate) fn new(plan: domain::hosts::Hosts, connections: HostConnections) -> Self {
        Self { plan: Arc::new(plan), connections }
    }

    /// Returns an ID for an execution that no host has seen before.
    pub(crate) fn next_id(&self) -> StepId {
        self.connections.last_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns whether a step is executed in a host.
    pub(crate) fn execute(&self, step: &str) -> bool {
        self.plan.host_of_step(step).is_some()
    }

    /// Waits for the connection to the host of a step.
    ///
    /// # Errors
    /// Returns an error if the host does not exist, did not listen in time, or has exited.
    pub(crate) async fn for_step(&self, step: &str) -> Result<StepHost, HostUnavailable> {
        let connection = self.plan.host_of_step(step).and_then(|index| self.connections.hosts.get(&index));
        let unknown = || HostUnavailable::Unknown { step: step.to_owned() };
        connection.ok_or_else(unknown)?.clone().await
    }
}
