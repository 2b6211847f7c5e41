//! Connects to a step host, which starts in the same pod at about the same time.

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

use crate::step_host::{client::StepHost, connection};

/// Timeout for connecting. A host listens about 100 ms after its container has started, but its image may
/// have to be pulled first.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(300);
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// Capacity of the channel for commands to one host.
const COMMAND_CAPACITY: usize = 16;

/// The host did not listen in time.
#[derive(Debug, thiserror::Error)]
#[error("failed to connect to the step host at {} within {} s", path.display(), CONNECT_TIMEOUT.as_secs())]
pub(crate) struct ConnectError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Connects to the host at `path` as soon as it listens there.
///
/// # Errors
/// Returns an error if the host does not listen within [`CONNECT_TIMEOUT`].
pub(super) async fn connect(path: &Path) -> Result<StepHost, ConnectError> {
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    let stream = loop {
        match UnixStream::connect(path).await {
            Ok(stream) => break stream,
            Err(source) if Instant::now() >= deadline => {
                return Err(ConnectError { path: path.to_owned(), source });
            }
            Err(_) => sleep(RETRY_INTERVAL).await,
        }
    };
    let (commands, receiver) = mpsc::channel(COMMAND_CAPACITY);
    // The task ends when the last sender is dropped or the stream ends.
    tokio::spawn(connection::serve(stream, receiver));
    Ok(StepHost::new(commands))
}
