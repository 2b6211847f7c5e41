//! A TCP proxy between two programs, by which a test disturbs their connections.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What happens to the connections of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Everything is forwarded.
    None,
    /// Everything is forwarded after this delay.
    Latency(Duration),
    /// All connections are reset, and new ones at once.
    Reset,
    /// Nothing is forwarded any more on the connections of now and of meanwhile, and none of them is closed, as after the loss of
    /// the other machine. They stay so when the disturbance ends.
    HalfOpen,
}

/// A running proxy, which ends when it is dropped.
pub struct ChaosProxy {
    address: SocketAddr,
    disturbance: watch::Sender<Disturbance>,
    _stop: DropGuard,
}

impl ChaosProxy {
    /// Starts a proxy to this address.
    ///
    /// # Errors
    /// Returns an error if no port is free.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        let disturbance = watch::Sender::new(Disturbance::None);
        let receiver = disturbance.subscribe();
        let accept = async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, upstream, receiver.clone()));
            }
        };
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept));
        Ok(Self { address, disturbance, _stop: stop.drop_guard() })
    }

    /// Returns the address on which the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Disturbs all connections from now on.
    pub fn disturb(&self, disturbance: Disturbance) {
        self.disturbance.send_replace(disturbance);
    }
}

/// Forwards a connection in both directions until one side closes it, or it is reset.
async fn forward(client: TcpStream, upstream: SocketAddr, disturbance: watch::Receiver<Disturbance>) {
    if *disturbance.borrow() == Disturbance::HalfOpen {
        return hold(client, disturbance).await;
    }
    // A connection with a linger time of zero is reset when it is closed.
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let (_, _) = (client.set_zero_linger(), server.set_zero_linger());
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::select! {
        () = reaches(disturbance.clone(), Disturbance::Reset) => {}
        () = copy(client_read, server_write, disturbance.clone()) => {}
        () = copy(server_read, client_write, disturbance) => {}
    }
}

/// Waits until connections are disturbed in this way.
async fn reaches(mut disturbance: watch::Receiver<Disturbance>, expected: Disturbance) {
    if disturbance.wait_for(|current| *current == expected).await.is_err() {
        // The proxy has ended, and nothing is disturbed any more.
        std::future::pending().await
    }
}

/// Holds a connection that is half open until the proxy ends.
async fn hold(client: TcpStream, mut disturbance: watch::Receiver<Disturbance>) {
    while disturbance.changed().await.is_ok() {}
    drop(client);
}

/// Copies one direction until its end. Never returns once the connection is half open.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    disturbance: watch::Receiver<Disturbance>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            () = reaches(disturbance.clone(), Disturbance::HalfOpen) => None,
            read = from.read(&mut buffer) => Some(read),
        };
        let bytes = match read {
            Some(Ok(bytes @ 1..)) => buffer.get(..bytes).unwrap_or_default(),
            Some(Ok(0) | Err(_)) => return,
            None => return std::future::pending().await,
        };
        let current = *disturbance.borrow();
        if let Disturbance::Latency(delay) = current {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn ping(stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(b"a").await?;
        stream.read_exact(&mut [0]).await.map(drop)
    }

    /// A reset ends connections with an error, a half-open one stays silent for good, and the next ones work again.
    #[tokio::test]
    async fn connections_are_disturbed_as_requested() {
        let proxy = ChaosProxy::start(echo().await).await.unwrap();
        let connect = async || TcpStream::connect(proxy.address()).await.unwrap();
        let (mut first, mut second) = (connect().await, connect().await);
        ping(&mut first).await.unwrap();
        proxy.disturb(Disturbance::Reset);
        assert!(ping(&mut first).await.is_err());
        assert!(ping(&mut second).await.is_err());
        proxy.disturb(Disturbance::None);
        let mut third = connect().await;
        ping(&mut third).await.unwrap();
        proxy.disturb(Disturbance::HalfOpen);
        let silent = tokio::time::timeout(Duration::from_millis(200), ping(&mut third)).await;
        assert!(silent.is_err());
        proxy.disturb(Disturbance::None);
        ping(&mut connect().await).await.unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(200), ping(&mut third)).await;
        assert!(silent.is_err(), "the half-open connection is lost");
    }
}
