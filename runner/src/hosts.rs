//! The step hosts of this pod, each connected as soon as it is up.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use protocol::host::StepId;

use crate::host::{ConnectError, Host, HostLost, connect};

type Connection = Shared<BoxFuture<'static, Result<Host, HostUnavailable>>>;

/// The hosts of this pod; they leave when the last clone of this, and of what it gave out, is gone.
#[derive(Clone)]
pub(crate) struct Connections {
    /// By index.
    hosts: Arc<BTreeMap<usize, Connection>>,
    last_id: Arc<AtomicU64>,
}

/// The hosts of this pod, as one workflow's steps know them.
#[derive(Clone)]
pub(crate) struct Hosts {
    of_steps: Arc<domain::hosts::Hosts>,
    connections: Connections,
}

/// Nobody can say which hosts there are.
#[derive(Debug, thiserror::Error)]
#[error("failed to look for step hosts in {}", path.display())]
pub(crate) struct HostsError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// A step's host is gone, or never came.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum HostUnavailable {
    #[error(transparent)]
    Connect(Arc<ConnectError>),
    #[error(transparent)]
    Lost(#[from] HostLost),
    #[error("failed to find the host of step {step}")]
    Unknown { step: String },
}

impl Connections {
    /// Begins to connect to all hosts that have a directory in the pod, `host-<index>`: before any run is known, because
    /// a host waits for its runner for some minutes only, and one that nobody connects to would not leave.
    pub(crate) fn open(sockets: &Path) -> Result<Self, HostsError> {
        let failed = |source| HostsError { path: sockets.to_owned(), source };
        let mut hosts = BTreeMap::new();
        let entries = match sockets.read_dir() {
            // A workflow without steps for hosts has no such directory in its pod.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries.map_err(failed)?),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let index = name.to_str().and_then(|name| name.strip_prefix("host-")?.parse().ok());
            if let Some(index) = index {
                hosts.insert(index, connection(entry.path().join("host.sock")));
            }
        }
        Ok(Self { hosts: Arc::new(hosts), last_id: Arc::default() })
    }
}

fn connection(path: PathBuf) -> Connection {
    let connection =
        async move { connect(&path).await.map_err(|error| HostUnavailable::Connect(Arc::new(error))) };
    let connection: Connection = connection.boxed().shared();
    // Ends by itself, by success or by the bound on connecting.
    tokio::spawn(connection.clone());
    connection
}

impl Hosts {
    pub(crate) fn new(of_steps: domain::hosts::Hosts, connections: Connections) -> Self {
        Self { of_steps: Arc::new(of_steps), connections }
    }

    /// A name for one more execution, used on none of the hosts before.
    pub(crate) fn next_id(&self) -> StepId {
        self.connections.last_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The host of a step, once it is connected.
    pub(crate) async fn of(&self, step: &str) -> Result<Host, HostUnavailable> {
        let connection = self.of_steps.of(step).and_then(|index| self.connections.hosts.get(&index));
        let unknown = || HostUnavailable::Unknown { step: step.to_owned() };
        connection.ok_or_else(unknown)?.clone().await
    }
}
