//! Tests of clients that send their request or read their response too slowly, over real connections.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    response::Response,
    routing::get,
};
use crds::constants::MAX_TENANT_REQUESTS;
use futures::stream;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    ConnectionLimits, TrustedProxies, in_flight,
    listener::serve,
    testing::{ACME, Server},
};
use crate::limits::Shares;

/// Time in which everything happens that a test waits for.
const DEADLINE: Duration = Duration::from_secs(20);
/// Time limits of the server, and the interval between two bytes of a slow client.
const LIMIT: Duration = Duration::from_millis(300);
const BYTE_INTERVAL: Duration = Duration::from_millis(10);

/// Serves a router, and connects to it.
async fn connect(router: Router, limits: ConnectionLimits) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, limits, CancellationToken::new()));
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes slowly until the server has closed the connection, and returns its response.
async fn send_byte_by_byte(stream: TcpStream) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let mut response = Vec::new();
    let send = async {
        let mut interval = tokio::time::interval(BYTE_INTERVAL);
        while writer.write_all(b" ").await.is_ok() {
            interval.tick().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // The server closes the connection with unread bytes, which the client may see as a reset.
        _ = reader.read_to_end(&mut response) => {}
        () = send => {}
        () = tokio::time::sleep(DEADLINE) => panic!("no response within the deadline"),
    }
    String::from_utf8(response).unwrap()
}

/// A body that is sent byte by byte is refused with 408 when its time is over. Others of its tenant are answered meanwhile, and nothing
/// is held afterwards.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn a_body_that_is_sent_byte_by_byte_is_refused(pool: PgPool) {
    let server = Server::start(&pool).await.with_body_time(LIMIT);
    let limits = ConnectionLimits::new(TrustedProxies::default(), DEADLINE);
    let mut stream = connect(server.router(), limits).await;
    let head = format!(
        "POST /v1/workflows HTTP/1.1\r\nhost: smb\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 60000\r\n\r\n",
        server.issuer.token("acme", "builder"),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let other = server.get("acme", "viewer", "/v1/me");
    let (response, other) = tokio::join!(send_byte_by_byte(stream), other);
    assert_eq!(other.status, 200);
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    for part in ["connection: close", "application/problem+json", "\"code\":\"request_timeout\""] {
        assert!(response.contains(part), "{part}: {response}");
    }
    let tenant = ACME.parse().unwrap();
    let free = std::iter::from_fn(|| server.limits().requests.try_acquire(&tenant).ok());
    assert_eq!(free.collect::<Vec<_>>().len(), MAX_TENANT_REQUESTS);
}

/// A client that does not read its response is disconnected, and its request is no longer in progress.
#[tokio::test]
async fn a_response_that_is_not_read_is_no_request_in_progress() {
    let requests = Arc::new(Shares::new(1, 1));
    let shares = requests.clone();
    let endless = get(move || {
        let permit = shares.try_acquire(&"acme").unwrap();
        let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 65_536])));
        let response = Response::new(Body::from_stream(chunks));
        async { in_flight::hold_until_sent(response, permit) }
    });
    let limits = ConnectionLimits::new(TrustedProxies::default(), DEADLINE).with_write_timeout(LIMIT);
    let mut stream = connect(Router::new().route("/", endless), limits).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: smb\r\n\r\n").await.unwrap();
    // The first byte shows that the response has begun; the client reads no further one.
    stream.read_u8().await.unwrap();
    let released = async {
        while requests.try_acquire(&"acme").is_err() {
            tokio::time::sleep(BYTE_INTERVAL).await;
        }
    };
    tokio::time::timeout(DEADLINE, released).await.expect("the request ends within the deadline");
    drop(stream);
}
