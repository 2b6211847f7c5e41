//! Connection to a step host: sends requests to it and delivers its events to the callers that started the steps.

use std::{collections::BTreeMap, io};

use protocol::{
    frame::{Decoder, FrameError, encode},
    host::{Event, Outcome, Request, StepId},
};
use telemetry::errors::chain;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
};
use tracing::{debug, warn};

use crate::step_host::client::{Command, Recipient};

const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Failure of the connection.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("failed to read from the step host")]
    Read(#[source] io::Error),
    #[error("failed to write to the step host")]
    Write(#[source] io::Error),
    #[error("failed to decode a message of the step host")]
    Frame(#[from] FrameError),
}

/// Receivers of the host's events.
#[derive(Default)]
struct Receivers {
    /// Receivers of the events of running steps.
    steps: BTreeMap<StepId, mpsc::Sender<Event>>,
    /// Receiver of the end of a part of a reset.
    reset: Option<oneshot::Sender<()>>,
}

/// Serves the connection until the host closes it or all [`StepHost`](super::StepHost)s are dropped. The event
/// channels of steps that still run are closed then.
pub(super) async fn serve(stream: UnixStream, commands: mpsc::Receiver<Command>) {
    match exchange(stream, commands).await {
        Ok(()) => debug!("the connection to the step host has ended"),
        Err(error) => warn!(error = %chain(&error), "lost the connection to the step host"),
    }
}

async fn exchange(stream: UnixStream, mut commands: mpsc::Receiver<Command>) -> Result<(), ConnectionError> {
    let (mut incoming, mut outgoing) = stream.into_split();
    let mut receivers = Receivers::default();
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some(command) = command else { return shut_down(&mut outgoing).await };
                send(&mut outgoing, &mut receivers, command).await?;
            }
            read = read(&mut incoming, &mut buffer) => {
                let bytes = read?;
                if bytes.is_empty() {
                    return Ok(());
                }
                decoder.push(bytes);
                while let Some(event) = decoder.decode()? {
                    deliver(&mut receivers, event).await;
                }
            }
        }
    }
}

async fn read<'a>(incoming: &mut OwnedReadHalf, buffer: &'a mut [u8]) -> Result<&'a [u8], ConnectionError> {
    let read = incoming.read(buffer).await.map_err(ConnectionError::Read)?;
    Ok(buffer.get(..read).unwrap_or_default())
}

/// Sends the request for a command. A step whose frame is too large is not sent to the host and ends with
/// `InputTooLarge`.
async fn send(
    outgoing: &mut OwnedWriteHalf,
    receivers: &mut Receivers,
    command: Command,
) -> Result<(), ConnectionError> {
    let (request, recipient) = command.into_request();
    match (encode(&request), recipient) {
        (Ok(frame), recipient) => {
            match recipient {
                Recipient::Step(id, receiver) => drop(receivers.steps.insert(id, receiver)),
                Recipient::Reset(done) => receivers.reset = Some(done),
                Recipient::None => {}
            }
            outgoing.write_all(&frame).await.map_err(ConnectionError::Write)
        }
        (Err(error), Recipient::Step(id, receiver)) => {
            let outcome = Outcome::InputTooLarge { message: error.to_string() };
            // An error means that the caller no longer waits for the step.
            let _ = receiver.send(Event::Exited { id, outcome }).await;
            Ok(())
        }
        (Err(error), Recipient::Reset(_) | Recipient::None) => Err(error.into()),
    }
}

async fn shut_down(outgoing: &mut OwnedWriteHalf) -> Result<(), ConnectionError> {
    outgoing.write_all(&encode(&Request::Shutdown)?).await.map_err(ConnectionError::Write)
}

async fn deliver(receivers: &mut Receivers, event: Event) {
    let (id, is_last) = match &event {
        Event::Ready => return,
        Event::Killed | Event::Cleared => {
            // The caller may have stopped waiting.
            let _ = receivers.reset.take().map(|done| done.send(()));
            return;
        }
        Event::Started { id } | Event::Output { id, .. } | Event::Progress { id, .. } => (*id, false),
        Event::Exited { id, .. } => (*id, true),
    };
    if let Some(receiver) = receivers.steps.get(&id) {
        let _ = receiver.send(event).await;
    }
    if is_last {
        receivers.steps.remove(&id);
    }
}
