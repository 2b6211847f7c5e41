//! Attacks on the sockets, over real connections. Each shows that another client is answered meanwhile.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use futures::stream;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, oneshot},
};
use tokio_util::sync::CancellationToken;

use super::{Connection, ConnectionLimits, ConnectionShares, Timeouts, TrustedProxies, serve};

/// Time in which everything happens that a test waits for.
const DEADLINE: Duration = Duration::from_secs(20);
/// Connections with an authenticated request, in all and for one tenant.
const MEMBERS: (usize, usize) = (4, 2);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: smb\r\n\r\n";

struct Port {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Serves a router with at most `connections`, in all and per address, and with timeouts of 200 ms.
async fn listen(router: Router, connections: (usize, usize)) -> Port {
    listen_with(router, connections, Duration::from_millis(200)).await
}

async fn listen_with(router: Router, connections: (usize, usize), timeout: Duration) -> Port {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let limits = ConnectionLimits {
        connections: ConnectionShares::new(connections, MEMBERS),
        proxies: TrustedProxies::default(),
        timeouts: Timeouts { first: timeout, idle: timeout, write: timeout },
        drain_delay: Duration::ZERO,
    };
    let served = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
    Port { address, shutdown, served }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

impl Port {
    /// Connects from a local address, which stands for another client.
    async fn connect(&self, from: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends a request on a connection of its own and returns the response.
    async fn get(&self, from: &str) -> String {
        let mut stream = self.connect(from).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: smb\r\nconnection: close\r\n\r\n").await.unwrap();
        read_to_end(&mut stream).await
    }
}

/// Reads until the server closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes));
    // A connection that the server closes with unread bytes is reset.
    let _ = read.await.expect("the server closes the connection within the deadline");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A client that never finishes its header is disconnected, and others are answered meanwhile.
#[tokio::test]
async fn an_unfinished_header_ends_the_connection() {
    let port = listen(hello(), (8, 4)).await;
    let mut half = port.connect("127.0.0.2").await;
    half.write_all(b"GET / HTTP/1.1\r\nhost: s").await.unwrap();
    let mut silent = port.connect("127.0.0.2").await;
    assert!(port.get("127.0.0.3").await.starts_with("HTTP/1.1 200"));
    assert!(!read_to_end(&mut half).await.contains(" 200 "));
    assert!(!read_to_end(&mut silent).await.contains(" 200 "));
}

/// A client cannot make the server buffer more than 16 KiB of headers.
#[tokio::test]
async fn large_headers_are_refused() {
    let port = listen_with(hello(), (8, 4), DEADLINE).await;
    let mut stream = port.connect("127.0.0.2").await;
    let header = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(17 * 1024));
    stream.write_all(header.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 431"));
    let mut accepted = port.connect("127.0.0.2").await;
    let header = format!("GET / HTTP/1.1\r\nconnection: close\r\nx: {}\r\n\r\n", "x".repeat(15 * 1024));
    accepted.write_all(header.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut accepted).await.starts_with("HTTP/1.1 200"));
}

/// One address cannot use all connections: others still get theirs.
#[tokio::test]
async fn an_address_has_a_part_of_the_connections() {
    let port = listen_with(hello(), (4, 2), DEADLINE).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = port.connect("127.0.0.2").await;
        stream.write_all(REQUEST).await.unwrap();
        read_hello(&mut stream).await;
        held.push(stream);
    }
    assert_eq!(read_to_end(&mut port.connect("127.0.0.2").await).await, "");
    assert!(port.get("127.0.0.3").await.starts_with("HTTP/1.1 200"));
    drop(held);
}

/// When all connections are in use, another client gets one of the address that has most of them.
#[tokio::test]
async fn others_get_in_while_attackers_hold_all_connections() {
    let port = listen_with(hello(), (4, 2), DEADLINE).await;
    let mut first = port.connect("127.0.0.2").await;
    let _others =
        [port.connect("127.0.0.2").await, port.connect("127.0.0.3").await, port.connect("127.0.0.4").await];
    let answer = tokio::time::timeout(DEADLINE, port.get("127.0.0.5")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(read_to_end(&mut first).await, "", "the oldest connection of the largest address was closed");
}

/// An authenticated connection no longer counts towards its address, and is never closed in favour of others. A tenant that
/// has many leaves connections to others.
#[tokio::test]
async fn authenticated_connections_stay() {
    let login = get(|axum::Extension(connection): axum::Extension<Connection>| async move {
        connection.authenticate(&uuid::Uuid::nil());
        "hello"
    });
    let port = listen_with(hello().route("/login", login), (1, 1), DEADLINE).await;
    let mut members = Vec::new();
    for _ in 0..MEMBERS.1 {
        let mut stream = port.connect("127.0.0.2").await;
        stream.write_all(b"GET /login HTTP/1.1\r\nhost: smb\r\n\r\n").await.unwrap();
        read_hello(&mut stream).await;
        members.push(stream);
    }
    let mut newcomer = port.connect("127.0.0.2").await;
    newcomer.write_all(b"GET /login HTTP/1.1\r\nhost: smb\r\n\r\n").await.unwrap();
    read_hello(&mut newcomer).await;
    assert!(port.get("127.0.0.3").await.starts_with("HTTP/1.1 200"));
    assert_eq!(
        read_to_end(&mut newcomer).await,
        "",
        "the tenant has its part: the connection remained a newcomer"
    );
    for member in &mut members {
        member.write_all(REQUEST).await.unwrap();
        read_hello(member).await;
    }
}

/// Reads a response with the body `hello`.
async fn read_hello(stream: &mut TcpStream) {
    let mut response = Vec::new();
    while !response.ends_with(b"hello") {
        let byte = tokio::time::timeout(DEADLINE, stream.read_u8()).await;
        response.push(byte.expect("a response arrives within the deadline").unwrap());
    }
    assert!(response.starts_with(b"HTTP/1.1 200"));
}

/// A connection between two requests stays open for longer than one that has sent none.
#[tokio::test]
async fn a_used_connection_may_be_idle_for_longer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let timeouts = Timeouts { first: Duration::from_millis(100), idle: DEADLINE, write: DEADLINE };
    let limits = ConnectionLimits {
        connections: ConnectionShares::new((8, 4), MEMBERS),
        proxies: TrustedProxies::default(),
        timeouts,
        drain_delay: Duration::ZERO,
    };
    let served = tokio::spawn(serve(listener, hello(), limits, shutdown.clone()));
    let port = Port { address, shutdown, served };
    let mut used = port.connect("127.0.0.2").await;
    used.write_all(REQUEST).await.unwrap();
    read_hello(&mut used).await;
    let mut unused = port.connect("127.0.0.3").await;
    assert_eq!(read_to_end(&mut unused).await, "", "closed after its shorter timeout");
    used.write_all(REQUEST).await.unwrap();
    read_hello(&mut used).await;
}

/// A client that does not read its response is disconnected, and the response is released.
#[tokio::test]
async fn a_response_that_is_not_read_ends_the_connection() {
    let (released, was_released) = oneshot::channel::<()>();
    let guard = Arc::new(std::sync::Mutex::new(Some(released)));
    let endless = get(move || {
        let guard = guard.lock().unwrap().take();
        let chunk = move |guard| async move { Some((Ok::<_, std::io::Error>(vec![0; 65_536]), guard)) };
        async move { Body::from_stream(stream::unfold(guard, chunk)) }
    });
    let port = listen(hello().route("/endless", endless), (8, 4)).await;
    let mut stream = port.connect("127.0.0.2").await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: smb\r\n\r\n").await.unwrap();
    assert!(port.get("127.0.0.3").await.starts_with("HTTP/1.1 200"));
    let dropped = tokio::time::timeout(DEADLINE, was_released).await.expect("the response is released");
    assert!(dropped.is_err());
    drop(stream);
}

/// HTTP/2, whose stalled streams cost memory without end, is not served.
#[tokio::test]
async fn http2_is_refused() {
    let port = listen_with(hello(), (8, 4), DEADLINE).await;
    let mut stream = port.connect("127.0.0.2").await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    assert!(!read_to_end(&mut stream).await.contains(" 200 "));
}

/// A shutdown closes idle connections at once, and ends after the requests in progress are answered.
#[tokio::test]
async fn a_shutdown_answers_requests_in_progress() {
    let (started, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = get({
        let (started, proceed) = (started.clone(), proceed.clone());
        move || async move {
            started.notify_one();
            proceed.notified().await;
            "late"
        }
    });
    let port = listen_with(hello().route("/slow", slow), (8, 4), DEADLINE).await;
    let mut idle = port.connect("127.0.0.2").await;
    idle.write_all(REQUEST).await.unwrap();
    let mut busy = port.connect("127.0.0.2").await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: smb\r\n\r\n").await.unwrap();
    started.notified().await;
    port.shutdown.cancel();
    assert!(read_to_end(&mut idle).await.starts_with("HTTP/1.1 200"));
    proceed.notify_one();
    assert!(read_to_end(&mut busy).await.ends_with("late"));
    tokio::time::timeout(DEADLINE, port.served).await.unwrap().unwrap().unwrap();
}

/// The first request of a connection that was accepted before the end is answered, also if it arrives afterwards.
#[tokio::test]
async fn a_shutdown_answers_the_first_request_of_a_new_connection() {
    let port = listen_with(hello(), (8, 4), DEADLINE).await;
    let mut new = port.connect("127.0.0.2").await;
    assert!(port.get("127.0.0.3").await.starts_with("HTTP/1.1 200"), "the earlier connection is accepted");
    port.shutdown.cancel();
    let refused = async {
        while TcpStream::connect(port.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.unwrap();
    new.write_all(REQUEST).await.unwrap();
    assert!(read_to_end(&mut new).await.ends_with("hello"));
    tokio::time::timeout(DEADLINE, port.served).await.unwrap().unwrap().unwrap();
}

/// A shutdown under load loses no request: those on connections that are open, and those on connections that clients open until
/// they have noticed it. Each client is told to use another connection.
#[tokio::test]
async fn a_shutdown_under_load_loses_no_request() {
    const CLIENTS: u8 = 8;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let limits = ConnectionLimits {
        connections: ConnectionShares::new((64, 64), MEMBERS),
        proxies: TrustedProxies::default(),
        timeouts: Timeouts::new(DEADLINE),
        // Longer than the test, which ends before.
        drain_delay: DEADLINE * 10,
    };
    let served = tokio::spawn(serve(listener, hello(), limits, shutdown.clone()));
    let noticed = CancellationToken::new();
    let load = (0..CLIENTS).map(|_| tokio::spawn(send_requests(address, noticed.clone(), shutdown.clone())));
    let load: Vec<_> = load.collect();
    let port = Port { address, shutdown, served };
    while !port.get("127.0.0.2").await.starts_with("HTTP/1.1 200") {}
    port.shutdown.cancel();
    // New connections are still accepted, and their responses close them.
    for _ in 0..20 {
        let mut stream = port.connect("127.0.0.2").await;
        stream.write_all(REQUEST).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.contains("connection: close") && answer.ends_with("hello"), "{answer}");
    }
    noticed.cancel();
    for client in load {
        let after_the_signal = tokio::time::timeout(DEADLINE, client).await.unwrap().unwrap();
        assert!(after_the_signal > 0);
    }
    port.served.abort();
}

/// Sends requests one after the other, on one connection until it is closed and then on the next one, until the client has noticed
/// the shutdown. Returns how many were answered after it began; panics if one is not answered.
async fn send_requests(
    address: SocketAddr,
    noticed: CancellationToken,
    shutdown: CancellationToken,
) -> usize {
    let mut answered = 0;
    while !noticed.is_cancelled() || answered == 0 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        loop {
            stream.write_all(REQUEST).await.unwrap();
            let mut response = Vec::new();
            while !response.ends_with(b"hello") {
                response.push(stream.read_u8().await.expect("each request is answered"));
            }
            if String::from_utf8_lossy(&response).contains("connection: close") {
                answered += usize::from(shutdown.is_cancelled());
                break;
            }
        }
    }
    answered
}
