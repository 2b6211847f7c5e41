//! Carries requests to a host and its events to the steps' readers.

use std::{collections::BTreeMap, io};

use protocol::{
    frame::{Decoder, FrameError, encode},
    host::{Event, Outcome, Request, StepId},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};
use tracing::{debug, warn};

use crate::{chain::chain, host::Command};

const READ_BYTES: usize = 64 * 1024;

#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("failed to read from the step host")]
    Read(#[source] io::Error),
    #[error("failed to write to the step host")]
    Write(#[source] io::Error),
    #[error("failed to understand the step host")]
    Frame(#[from] FrameError),
}

type Readers = BTreeMap<StepId, mpsc::Sender<Event>>;

/// Runs until the host leaves or nobody wants it any more. Readers then find their channel closed.
pub(super) async fn serve(stream: UnixStream, commands: mpsc::Receiver<Command>) {
    match exchange(stream, commands).await {
        Ok(()) => debug!("the step host's connection has ended"),
        Err(error) => warn!(error = %chain(&error), "lost the step host"),
    }
}

async fn exchange(stream: UnixStream, mut commands: mpsc::Receiver<Command>) -> Result<(), ServeError> {
    let (mut incoming, mut outgoing) = stream.into_split();
    let mut readers = Readers::new();
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { return leave(&mut outgoing).await };
                send(&mut outgoing, &mut readers, command).await?;
            }
            read = read(&mut incoming, &mut buffer) => {
                let bytes = read?;
                if bytes.is_empty() {
                    return Ok(());
                }
                decoder.push(bytes);
                while let Some(event) = decoder.decode()? {
                    deliver(&mut readers, event).await;
                }
            }
        }
    }
}

async fn read<'a>(incoming: &mut OwnedReadHalf, buffer: &'a mut [u8]) -> Result<&'a [u8], ServeError> {
    let read = incoming.read(buffer).await.map_err(ServeError::Read)?;
    Ok(buffer.get(..read).unwrap_or_default())
}

/// A step whose frame is too large is told so and never reaches the host.
async fn send(
    outgoing: &mut OwnedWriteHalf,
    readers: &mut Readers,
    command: Command,
) -> Result<(), ServeError> {
    let (request, reader) = command.into_request();
    match (encode(&request), reader) {
        (Ok(frame), reader) => {
            readers.extend(reader);
            outgoing.write_all(&frame).await.map_err(ServeError::Write)
        }
        (Err(error), Some((id, reader))) => {
            let outcome = Outcome::InputTooLarge { message: error.to_string() };
            // A reader that is gone has lost its interest in the step.
            let _ = reader.send(Event::Exited { id, outcome }).await;
            Ok(())
        }
        (Err(error), None) => Err(error.into()),
    }
}

async fn leave(outgoing: &mut OwnedWriteHalf) -> Result<(), ServeError> {
    outgoing.write_all(&encode(&Request::Shutdown)?).await.map_err(ServeError::Write)
}

async fn deliver(readers: &mut Readers, event: Event) {
    let (id, is_last) = match &event {
        Event::Ready => return,
        Event::Started { id } | Event::Output { id, .. } | Event::Progress { id, .. } => (*id, false),
        Event::Exited { id, .. } => (*id, true),
    };
    if let Some(reader) = readers.get(&id) {
        let _ = reader.send(event).await;
    }
    if is_last {
        readers.remove(&id);
    }
}
