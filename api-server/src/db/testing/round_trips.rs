//! A proxy in front of Postgres that counts what a process waits for: transactions that are begun or committed, and statements.

use std::{
    ops::Sub,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Numbers of round trips. The end of a transaction that is rolled back is not counted: no request waits for it. Neither are the set-up
/// of a connection and the preparation of a statement, which each connection does once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Transactions that were begun.
    pub(crate) begins: usize,
    /// Statements that were executed, with a transaction or without.
    pub(crate) statements: usize,
    /// Transactions that were committed.
    pub(crate) commits: usize,
}

/// Round trips through a proxy.
#[derive(Clone, Default)]
pub(crate) struct RoundTrips(Arc<Mutex<Counts>>);

impl RoundTrips {
    /// Returns the round trips up to now.
    pub(crate) fn counts(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a message of a client.
    fn count(&self, kind: u8, body: &[u8]) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(body).to_lowercase();
        match kind {
            b'Q' if text.starts_with("begin") => counts.begins += 1,
            b'Q' if text.starts_with("commit") => counts.commits += 1,
            b'Q' if text.starts_with("rollback") || text.starts_with("set role") => {}
            // A simple query, and the execution of a prepared one.
            b'Q' | b'E' => counts.statements += 1,
            _ => {}
        }
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            begins: self.begins - earlier.begins,
            statements: self.statements - earlier.statements,
            commits: self.commits - earlier.commits,
        }
    }
}

/// Starts a proxy, and returns the options to connect through it.
pub(super) async fn count(target: PgConnectOptions) -> (PgConnectOptions, RoundTrips) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = target.clone().host("127.0.0.1").port(listener.local_addr().unwrap().port());
    let trips = RoundTrips::default();
    let counted = trips.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect((target.get_host(), target.get_port())).await.unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (client_read, mut client_write) = client.into_split();
            let (mut server_read, server_write) = server.into_split();
            tokio::spawn(async move { io::copy(&mut server_read, &mut client_write).await });
            tokio::spawn(forward(client_read, server_write, counted.clone()));
        }
    });
    (options.ssl_mode(PgSslMode::Disable), trips)
}

/// Forwards the messages of a client: each has a kind, its length and a body, except for the first one, which has no kind.
async fn forward(client: OwnedReadHalf, mut server: OwnedWriteHalf, trips: RoundTrips) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut kind = None;
    loop {
        let length = client.read_u32().await?;
        let mut body = vec![0; usize::try_from(length).unwrap() - size_of::<u32>()];
        client.read_exact(&mut body).await?;
        if let Some(kind) = kind {
            trips.count(kind, &body);
        }
        let message = [kind.as_slice(), &length.to_be_bytes(), &body].concat();
        server.write_all(&message).await?;
        kind = Some(client.read_u8().await?);
    }
}
