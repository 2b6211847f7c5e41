//! The step hosts of this pod, each connected as soon as it is up.

use std::{
    path::Path,
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

/// The hosts of a workflow; they leave when the last clone of this, and of what it gave out, is gone.
#[derive(Clone)]
pub(crate) struct Hosts {
    hosts: Arc<domain::hosts::Hosts>,
    connections: Arc<[Connection]>,
    last_id: Arc<AtomicU64>,
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

impl Hosts {
    /// Begins to connect to all: a host that nobody connects to would not leave.
    pub(crate) fn connect(hosts: domain::hosts::Hosts, sockets: &Path) -> Self {
        let connections = hosts.all().iter().map(|host| {
            let path = sockets.join(format!("host-{}", host.index)).join("host.sock");
            let connection = async move {
                connect(&path).await.map_err(|error| HostUnavailable::Connect(Arc::new(error)))
            };
            let connection: Connection = connection.boxed().shared();
            // Ends by itself, by success or by the bound on connecting.
            tokio::spawn(connection.clone());
            connection
        });
        let connections = connections.collect();
        Self { hosts: Arc::new(hosts), connections, last_id: Arc::default() }
    }

    /// A name for one more execution, used on none of the hosts before.
    pub(crate) fn next_id(&self) -> StepId {
        self.last_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The host of a step, once it is connected.
    pub(crate) async fn of(&self, step: &str) -> Result<Host, HostUnavailable> {
        let connection = self.hosts.of(step).and_then(|index| self.connections.get(index));
        let unknown = || HostUnavailable::Unknown { step: step.to_owned() };
        connection.ok_or_else(unknown)?.clone().await
    }
}
