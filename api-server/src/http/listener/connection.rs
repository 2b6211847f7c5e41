//! One connection: the HTTP protocol with its limits.

use std::{net::IpAddr, pin::Pin, time::Duration};

use axum::{Router, body::Body};
use crds::constants::MAX_REQUEST_HEADER_BYTES;
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tower::{ServiceExt as _, util::MapRequest};

use super::{Timeouts, TrustedProxies, address, connection_shares::Connection};
use crate::limits::LogLimit;

/// Maximum size of the buffers of a connection, one for reading and one for writing.
const MAX_BUFFER_BYTES: usize = 32 * 1024;

/// Limit on the messages about proxies that are not trusted.
static UNTRUSTED_PROXY: LogLimit = LogLimit::new(Duration::from_secs(600));

/// Byte stream of a connection, which fails if the client accepts nothing for too long.
pub(super) type Io = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Returns the protocol with its limits.
pub(super) fn http1(timeouts: Timeouts) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.idle)
        .max_header_size(MAX_REQUEST_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES);
    builder
}

pub(super) fn with_write_timeout(stream: TcpStream, timeouts: Timeouts) -> Io {
    // Responses are written at once. Without this, the last packet of a large one waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeouts.write));
    TokioIo::new(Box::pin(stream))
}

/// Returns the router as the service of a connection. Requests carry the address of their client and their connection.
pub(super) fn service(
    router: &Router,
    peer: IpAddr,
    proxies: &TrustedProxies,
    connection: &Connection,
) -> TowerToHyperService<MapRequest<Router, impl Fn(Request<Incoming>) -> Request<Body> + Clone + use<>>> {
    let (proxies, connection) = (proxies.clone(), connection.clone());
    let with_address = move |request: Request<Incoming>| {
        connection.begin_request();
        warn_of_untrusted_proxy(peer, &request, &proxies);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        let client = address::resolve_client_address(peer, request.headers(), &proxies);
        request.extensions_mut().insert(client);
        request
    };
    TowerToHyperService::new(router.clone().map_request(with_address))
}

/// Warns that a proxy forwards requests of clients that cannot be told apart.
fn warn_of_untrusted_proxy(peer: IpAddr, request: &Request<Incoming>, proxies: &TrustedProxies) {
    if request.headers().contains_key("x-forwarded-for")
        && !proxies.contains(peer)
        && let Some(suppressed) = UNTRUSTED_PROXY.admit()
    {
        tracing::warn!(
            %peer,
            suppressed,
            "a proxy that is not trusted forwards requests: all of its clients share the limits of one address. Add its \
             address to api.trustedProxies of the chart (SMBCOPILOT_TRUSTED_PROXIES)"
        );
    }
}
