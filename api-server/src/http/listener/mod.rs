//! The sockets of both ports: connections with limits on their number, their headers and their silence.
//!
//! Only HTTP/1.1 is served. A client of HTTP/2 can stall any number of responses on one connection without the server
//! noticing, and a proxy in front of the port talks HTTP/1.1 to it anyway.

mod address;
mod connection;
#[cfg(test)]
mod tests;

use std::{io, net::IpAddr, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::limits::{Permit, Shares};

pub use address::{ClientAddress, TrustedProxies};
pub(in crate::http) use address::{client_address, client_network};

/// Maximum number of connections of a port. Each takes at most 32 KiB for what was received, and as much for what is to
/// be sent.
const MAX_CONNECTIONS: usize = 1_024;
/// Maximum number of connections from one address, unless it is a trusted proxy.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 256;
/// Maximum number of connections from one pod to the port for runners, which keeps a few open: 32 pods together can use
/// all of them.
const MAX_CONNECTIONS_PER_POD: usize = 32;
/// Delay after a connection could not be accepted, for example because the process has too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Limits on connections.
pub struct ConnectionLimits {
    /// Connections by the address of the other side.
    connections: Shares<IpAddr>,
    proxies: TrustedProxies,
    timeouts: Timeouts,
}

/// Maximum durations of a connection's silence.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    /// Time from the start of the connection, or from the end of a response, to the end of the next request's header.
    header: Duration,
    /// Time in which a client that reads a response must accept some of it.
    write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        // A header fits into a few packets. Proxies close idle connections themselves or notice that they were closed.
        Self { header: Duration::from_secs(30), write: Duration::from_secs(30) }
    }
}

impl ConnectionLimits {
    /// Creates the limits of one port. Trusted proxies may open as many connections as all others together, since they
    /// transfer the requests of many clients.
    #[must_use]
    pub fn new(proxies: TrustedProxies) -> Self {
        let connections = Shares::new(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS);
        Self { connections, proxies, timeouts: Timeouts::default() }
    }

    /// Creates the limits of the port for runners, which pods reach without a proxy.
    #[must_use]
    pub fn for_runners() -> Self {
        let connections = Shares::new(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_POD);
        Self { connections, proxies: TrustedProxies::default(), timeouts: Timeouts::default() }
    }
}

/// Serves connections until the process shuts down and all requests in progress are answered.
///
/// # Errors
/// Never returns an error: connections that cannot be accepted are retried.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (graceful, tasks) = (GracefulShutdown::new(), TaskTracker::new());
    let ConnectionLimits { connections, proxies, timeouts } = limits;
    loop {
        // While all connections are in use, clients wait in the queue of the operating system.
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &connections, &proxies) => accepted,
        };
        let Some(Accepted { stream, address, permit }) = accepted else { continue };
        let service = connection::service(&router, address, &proxies);
        let connection = graceful.watch(
            connection::http1(timeouts)
                .serve_connection(connection::with_write_timeout(stream, timeouts), service),
        );
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

struct Accepted {
    stream: TcpStream,
    address: IpAddr,
    permit: Permit,
}

/// Accepts a connection; `None` if there was none to accept, or if its address has too many.
async fn accept(
    listener: &TcpListener,
    connections: &Shares<IpAddr>,
    proxies: &TrustedProxies,
) -> Option<Accepted> {
    let reservation = connections.reserve().await.ok()?;
    let (stream, address) = match listener.accept().await {
        Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
        Err(error) => {
            tracing::warn!(%error, "failed to accept a connection");
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            return None;
        }
    };
    let network = client_network(address);
    let limited = (!proxies.contains(address)).then_some(&network);
    match connections.assign(reservation, limited) {
        Ok(permit) => Some(Accepted { stream, address, permit }),
        Err(_) => {
            tracing::debug!(%address, "refused a connection: its address has too many");
            None
        }
    }
}
