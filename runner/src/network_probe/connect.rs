//! The pod that connects.

use std::{net::IpAddr, time::Duration};

use serde::Serialize;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Timeout of a connection. A permitted one takes milliseconds, and a denied one is not answered at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which all ports are tried again. A network plugin may apply the policies some seconds after the start of a pod.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Ports of the other pod.
#[derive(Debug, clap::Args)]
pub(super) struct Ports {
    /// Port that all policies allow.
    #[arg(long)]
    pub(super) allowed: u16,
    /// Port that the policy of the other pod denies.
    #[arg(long)]
    pub(super) denied_incoming: u16,
    /// Port that the policy of this pod denies.
    #[arg(long)]
    pub(super) denied_outgoing: u16,
}

/// Which of the ports are reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reachable {
    allowed: bool,
    denied_incoming: bool,
    denied_outgoing: bool,
}

impl Reachable {
    /// Returns whether only the allowed port is reachable.
    fn is_as_the_policies_say(self) -> bool {
        self == Self { allowed: true, denied_incoming: false, denied_outgoing: false }
    }
}

/// Tries the ports until only the allowed one is reachable, or until the time is over. Returns the last result.
pub(super) async fn until_enforced(address: IpAddr, ports: &Ports, limit: Duration) -> Reachable {
    let deadline = Instant::now() + limit;
    loop {
        let (allowed, denied_incoming, denied_outgoing) = tokio::join!(
            is_open(address, ports.allowed),
            is_open(address, ports.denied_incoming),
            is_open(address, ports.denied_outgoing)
        );
        let reachable = Reachable { allowed, denied_incoming, denied_outgoing };
        if reachable.is_as_the_policies_say() || Instant::now() >= deadline {
            return reachable;
        }
        sleep(RETRY_INTERVAL).await;
    }
}

async fn is_open(address: IpAddr, port: u16) -> bool {
    matches!(timeout(CONNECT_TIMEOUT, TcpStream::connect((address, port))).await, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    async fn listener() -> TcpListener {
        TcpListener::bind((LOCAL, 0)).await.unwrap()
    }

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().unwrap().port()
    }

    /// The probe ends when only the allowed port is open, and says of an open port that it should be closed.
    #[tokio::test]
    async fn an_open_port_that_should_be_closed_is_reported() {
        let (open, other, closed) = (listener().await, listener().await, listener().await);
        let (open_port, other_port, closed_port) = (port(&open), port(&other), port(&closed));
        drop(closed);
        let ports =
            |denied_incoming, denied_outgoing| Ports { allowed: open_port, denied_incoming, denied_outgoing };
        let found = until_enforced(LOCAL, &ports(closed_port, closed_port), Duration::from_secs(3_600)).await;
        assert_eq!(found, Reachable { allowed: true, denied_incoming: false, denied_outgoing: false });
        let found = until_enforced(LOCAL, &ports(other_port, closed_port), Duration::ZERO).await;
        assert_eq!(found, Reachable { allowed: true, denied_incoming: true, denied_outgoing: false });
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(text, r#"{"allowed":true,"deniedIncoming":true,"deniedOutgoing":false}"#);
    }

    /// Policies that are applied a moment after the start of the pod count as enforced.
    #[tokio::test]
    async fn policies_that_are_applied_late_are_enforced() {
        let (open, late) = (listener().await, listener().await);
        let ports =
            Ports { allowed: port(&open), denied_incoming: port(&late), denied_outgoing: port(&late) };
        let closing = async {
            late.accept().await.unwrap();
            drop(late);
        };
        let (found, ()) = tokio::join!(until_enforced(LOCAL, &ports, Duration::from_secs(60)), closing);
        assert!(found.is_as_the_policies_say(), "{found:?}");
    }
}
