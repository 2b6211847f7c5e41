//! The sockets of both ports: connections with limits on their number, their headers and their silence.
//!
//! Only HTTP/1.1 is served. A client of HTTP/2 can stall any number of responses on one connection without the server
//! noticing, and a proxy in front of the port talks HTTP/1.1 to it anyway.

mod address;
mod connection;
mod connection_shares;
#[cfg(test)]
mod tests;

use std::{io, net::IpAddr, pin::pin, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    middleware::map_response_with_state,
    response::Response,
};
use futures::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use connection_shares::ConnectionShares;

use crate::limits::Exhausted;

pub use address::{ClientAddress, TrustedProxies};
pub(in crate::http) use address::{client_address, client_network};
pub(in crate::http) use connection_shares::Connection;

/// Maximum number of connections without an authenticated request, of a port and of one address, unless it is a trusted
/// proxy. Each connection takes at most 32 KiB for what was received, and as much for what is to be sent.
const NEWCOMERS: (usize, usize) = (512, 128);
/// The same for the port for runners, which keep a few connections open.
const RUNNER_NEWCOMERS: (usize, usize) = (256, 32);
/// Maximum number of connections with an authenticated request, of a port and of one tenant.
const MEMBERS: (usize, usize) = (512, 128);
/// Number of attempts to admit a new connection while all are in use, and the delay between them: a connection that is
/// closed ends within a millisecond.
const MAX_ADMISSION_ATTEMPTS: usize = 50;
const ADMISSION_RETRY_DELAY: Duration = Duration::from_millis(2);
/// Delay after a connection could not be accepted, for example because the process has too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time after which an idle connection of a runner is closed: longer than the 90 s for which its client keeps it.
const RUNNER_IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Time for which the first request of a new connection is awaited during a shutdown: it is sent right after the connection is
/// established.
const LAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of connections that are accepted at the end of a shutdown, because their clients have established them before.
const MAX_ACCEPTED_LAST: usize = 128;

/// Limits on connections.
pub struct ConnectionLimits {
    connections: ConnectionShares,
    proxies: TrustedProxies,
    timeouts: Timeouts,
    drain_delay: Duration,
}

/// Maximum durations of a connection's silence.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    /// Time from the start of the connection to the end of the first request's header.
    first: Duration,
    /// Time from the end of a response to the end of the next request's header.
    idle: Duration,
    /// Time in which a client that reads a response must accept some of it.
    write: Duration,
}

impl Timeouts {
    fn new(idle: Duration) -> Self {
        // A header fits into a few packets.
        Self { first: Duration::from_secs(30), idle, write: Duration::from_secs(30) }
    }
}

impl ConnectionLimits {
    /// Creates the limits of one port. Trusted proxies may open as many connections as all others together, since they
    /// transfer the requests of many clients. `idle_timeout` must be longer than proxies keep idle connections: they must not
    /// send a request while the server closes the connection.
    #[must_use]
    pub fn new(proxies: TrustedProxies, idle_timeout: Duration) -> Self {
        Self {
            connections: ConnectionShares::new(NEWCOMERS, MEMBERS),
            proxies,
            timeouts: Timeouts::new(idle_timeout),
            drain_delay: Duration::ZERO,
        }
    }

    /// Sets the time for which connections are accepted after the begin of the shutdown.
    #[must_use]
    pub fn with_drain_delay(self, drain_delay: Duration) -> Self {
        Self { drain_delay, ..self }
    }

    /// Sets the time in which a client that reads a response must accept some of it.
    #[cfg(test)]
    pub(in crate::http) fn with_write_timeout(mut self, write: Duration) -> Self {
        self.timeouts.write = write;
        self
    }

    /// Creates the limits of the port for runners, which pods reach without a proxy.
    #[must_use]
    pub fn for_runners() -> Self {
        let connections = ConnectionShares::new(RUNNER_NEWCOMERS, MEMBERS);
        let timeouts = Timeouts::new(RUNNER_IDLE_TIMEOUT);
        Self { connections, proxies: TrustedProxies::default(), timeouts, drain_delay: Duration::ZERO }
    }
}

/// Serves connections until the process shuts down and all requests in progress are answered.
///
/// After the begin of the shutdown, connections are accepted for the time of [`ConnectionLimits::with_drain_delay`]: proxies need
/// it to notice that the process is not ready. Each response says then that its connection is closed after it.
///
/// # Errors
/// Never returns an error: connections that cannot be accepted are retried.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let ConnectionLimits { connections, proxies, timeouts, drain_delay } = limits;
    let router = router.layer(map_response_with_state(shutdown.clone(), announce_close));
    let server = Server { router, timeouts, stop: CancellationToken::new(), tasks: TaskTracker::new() };
    let mut drained = pin!(async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain_delay).await;
    });
    loop {
        let accepted = tokio::select! {
            () = &mut drained => break,
            accepted = accept(&listener, &connections, &proxies) => accepted,
        };
        if let Some(accepted) = accepted {
            server.spawn(accepted, &proxies);
        }
    }
    // Connections that the operating system has accepted already.
    for _ in 0..MAX_ACCEPTED_LAST {
        match accept(&listener, &connections, &proxies).now_or_never() {
            Some(Some(accepted)) => server.spawn(accepted, &proxies),
            Some(None) => {}
            None => break,
        }
    }
    drop(listener);
    server.stop.cancel();
    server.tasks.close();
    server.tasks.wait().await;
    Ok(())
}

/// Tells the client to send no further request on the connection while the process shuts down.
async fn announce_close(State(shutdown): State<CancellationToken>, mut response: Response) -> Response {
    if shutdown.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What connections share.
struct Server {
    router: Router,
    timeouts: Timeouts,
    /// Cancelled when no further connection is accepted.
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Serves a connection in a task of its own.
    fn spawn(&self, accepted: Accepted, proxies: &TrustedProxies) {
        let Accepted { stream, address, connection, closed } = accepted;
        let service = connection::service(&self.router, address, proxies, &connection);
        let stream = connection::with_write_timeout(stream, self.timeouts);
        let served = connection::http1(self.timeouts).serve_connection(stream, service);
        let (stop, timeouts) = (self.stop.clone(), self.timeouts);
        self.tasks.spawn(async move {
            let mut served = pin!(served);
            let result = tokio::select! {
                result = &mut served => result,
                () = closed.cancelled() => {
                    tracing::debug!(%address, "closed a connection in favour of another one");
                    return;
                }
                () = without_request(&connection, timeouts.first) => return,
                () = may_end(&stop, &connection) => {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

/// Returns when a connection is to be closed after the request in progress, because the process shuts down. The first request of a
/// new connection may still be on its way.
async fn may_end(stop: &CancellationToken, connection: &Connection) {
    stop.cancelled().await;
    let _ = tokio::time::timeout(LAST_REQUEST_TIMEOUT, connection.began_request()).await;
}

/// Returns when the time for the first request is over, and never if there was one.
async fn without_request(connection: &Connection, limit: Duration) {
    if tokio::time::timeout(limit, connection.began_request()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

struct Accepted {
    stream: TcpStream,
    address: IpAddr,
    connection: Connection,
    closed: CancellationToken,
}

/// Accepts a connection; `None` if there was none to accept, or if its address has too many.
async fn accept(
    listener: &TcpListener,
    connections: &ConnectionShares,
    proxies: &TrustedProxies,
) -> Option<Accepted> {
    let (stream, address) = match listener.accept().await {
        Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
        Err(error) => {
            tracing::warn!(%error, "failed to accept a connection");
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            return None;
        }
    };
    let limited = (!proxies.contains(address)).then(|| client_network(address));
    match admit(connections, limited).await {
        Ok((connection, closed)) => Some(Accepted { stream, address, connection, closed }),
        Err(_) => {
            tracing::debug!(%address, "refused a connection: its address has too many, or all are in use");
            None
        }
    }
}

/// Admits a connection. While all are in use, connections of the addresses that have most of them are closed; further
/// clients wait in the queue of the operating system.
async fn admit(
    connections: &ConnectionShares,
    address: Option<IpAddr>,
) -> Result<(Connection, CancellationToken), Exhausted> {
    for _ in 0..MAX_ADMISSION_ATTEMPTS {
        match connections.admit(address) {
            Err(Exhausted::All) => {
                connections.close_one();
                tokio::time::sleep(ADMISSION_RETRY_DELAY).await;
            }
            admitted => return admitted,
        }
    }
    connections.admit(address)
}
