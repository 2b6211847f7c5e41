//! The pod that accepts connections.

use std::{io, net::IpAddr};

use futures::future;
use tokio::net::TcpListener;

/// Accepts and closes connections on all ports. Listens on all of them before the first one is accepted, so that an open port
/// shows that the others are not closed for lack of a listener.
///
/// # Errors
/// Returns an error if a port cannot be used.
pub(super) async fn listen(address: IpAddr, ports: &[u16]) -> io::Result<()> {
    let mut listeners = Vec::new();
    for port in ports {
        listeners.push(TcpListener::bind((address, *port)).await?);
    }
    future::try_join_all(listeners.iter().map(accept_all)).await.map(drop)
}

async fn accept_all(listener: &TcpListener) -> io::Result<()> {
    loop {
        listener.accept().await?;
    }
}
