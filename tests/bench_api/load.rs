//! A load generator: connections of HTTP/1.1 that send one request after the other. It has one thread, so that one core is left for the
//! servers.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tests::percentile::percentile_ms;
use tokio::net::TcpStream;

/// Requests that are sent in turn.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) method: Method,
    pub(crate) paths: Vec<String>,
    pub(crate) token: Option<String>,
    pub(crate) body: String,
}

/// Measured durations of requests.
#[derive(Default)]
pub(crate) struct Series {
    pub(crate) times: Vec<Duration>,
    pub(crate) took: Duration,
}

/// Open connection.
pub(crate) struct Connection(http1::SendRequest<Full<Bytes>>);

impl Series {
    /// Adds the measurements of a later round.
    pub(crate) fn add(&mut self, round: Self) {
        self.times.extend(round.times);
        self.took += round.took;
    }

    /// Returns the number of requests per second.
    pub(crate) fn rate(&self) -> f64 {
        u32::try_from(self.times.len()).map(f64::from).unwrap_or(f64::NAN) / self.took.as_secs_f64()
    }

    /// Returns a percentile in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        percentile_ms(&self.times, percent)
    }
}

impl Target {
    fn request(&self, number: usize) -> anyhow::Result<Request<Full<Bytes>>> {
        let path = self.paths.get(number % self.paths.len().max(1)).context("there is no path")?;
        let mut request = Request::builder().method(&self.method).uri(path).header(header::HOST, "127.0.0.1");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !self.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        Ok(request.body(Full::from(self.body.clone()))?)
    }

    /// Sends the first request and returns the body of the response.
    pub(crate) async fn once(&self) -> anyhow::Result<Value> {
        let body = Connection::open(self.address).await?.send(self, 0).await?;
        serde_json::from_slice(&body).context("the body of a response is not JSON")
    }

    /// Sends requests over so many connections for this time.
    ///
    /// # Errors
    /// Returns an error if a response is an error, or is less than half as long as the first one.
    pub(crate) async fn load(&self, connections: usize, duration: Duration) -> anyhow::Result<Series> {
        let min_bytes = self.once().await?.to_string().len() / 2;
        let opened: Vec<_> = try_join_all((0..connections).map(|_| Connection::open(self.address))).await?;
        let started = Instant::now();
        let worker = async |(worker, mut connection): (usize, Connection)| {
            let mut times = Vec::new();
            while started.elapsed() < duration {
                let sent = Instant::now();
                let body = connection.send(self, worker + times.len() * connections).await?;
                times.push(sent.elapsed());
                ensure!(
                    body.len() >= min_bytes,
                    "a response is too short: {}",
                    String::from_utf8_lossy(&body)
                );
            }
            Ok(times)
        };
        let times = try_join_all(opened.into_iter().enumerate().map(worker)).await?;
        Ok(Series { times: times.concat(), took: started.elapsed() })
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("failed to connect to the server")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request of the target and returns the body of the response.
    ///
    /// # Errors
    /// Returns an error if the response is an error.
    pub(crate) async fn send(&mut self, target: &Target, number: usize) -> anyhow::Result<Bytes> {
        self.0.ready().await?;
        let response = self.0.send_request(target.request(number)?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// Sends a request whose response may be an error.
    pub(crate) async fn send_any(&mut self, target: &Target) -> anyhow::Result<()> {
        self.0.ready().await?;
        let response = self.0.send_request(target.request(0)?).await?;
        response.into_body().collect().await?;
        Ok(())
    }

    /// Returns whether the server has not closed the connection.
    pub(crate) fn is_open(&mut self) -> bool {
        !self.0.is_closed()
    }
}
