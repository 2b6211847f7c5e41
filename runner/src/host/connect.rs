//! Connects to a host that starts in the same pod at about the same time.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::UnixStream,
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::host::{Host, WAITING_REQUESTS, serve};

/// A host is up some 100 ms after its container started; its image may have to be pulled first.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(5);

/// Why a host cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("failed to connect to the step host at {} within {} s", path.display(), PATIENCE.as_secs())]
pub(crate) struct ConnectError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Waits until the host listens.
pub(crate) async fn connect(path: &Path) -> Result<Host, ConnectError> {
    let until = Instant::now() + PATIENCE;
    let stream = loop {
        match UnixStream::connect(path).await {
            Ok(stream) => break stream,
            Err(source) if Instant::now() >= until => {
                return Err(ConnectError { path: path.to_owned(), source });
            }
            Err(_) => sleep(PAUSE).await,
        }
    };
    let (commands, receiver) = mpsc::channel(WAITING_REQUESTS);
    // The task ends when the last sender is dropped, or the stream ends.
    tokio::spawn(serve::serve(stream, receiver));
    Ok(Host { commands })
}
