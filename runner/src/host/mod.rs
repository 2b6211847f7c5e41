//! The runner's end of a step host's socket.

mod connect;
mod serve;

use std::time::Duration;

use protocol::host::{Event, Request, Start, StepId};
use tokio::sync::mpsc;

pub(crate) use connect::{ConnectError, connect};

/// Events of one step that may wait for its reader. Above this the socket is not read on: the host notices,
/// and makes the step wait.
const WAITING_EVENTS: usize = 256;
/// Requests that may wait to be written.
const WAITING_REQUESTS: usize = 16;

/// A connected host. It leaves when the last clone of this is gone.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    commands: mpsc::Sender<Command>,
}

/// One step that was handed to a host.
pub(crate) struct Execution {
    id: StepId,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
}

/// The host's container ended, or its connection broke. All that ran in it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("failed to reach the step host: its connection ended")]
pub(crate) struct HostLost;

#[derive(Debug)]
enum Command {
    Start { start: Box<Start>, events: mpsc::Sender<Event> },
    Kill { id: StepId, grace: Duration },
}

impl Host {
    /// Starts a step; `start.id` must not have been used on this host before.
    pub(crate) async fn start(&self, start: Start) -> Result<Execution, HostLost> {
        let id = start.id;
        let (sender, events) = mpsc::channel(WAITING_EVENTS);
        let command = Command::Start { start: Box::new(start), events: sender };
        self.commands.send(command).await.map_err(|_| HostLost)?;
        Ok(Execution { id, events, commands: self.commands.clone() })
    }
}

impl Execution {
    /// The next event of this step. After `Exited` there is none.
    pub(crate) async fn event(&mut self) -> Result<Event, HostLost> {
        self.events.recv().await.ok_or(HostLost)
    }

    /// Asks for the step's end, and kills it after `grace`. Its `Exited` still comes.
    pub(crate) async fn kill(&self, grace: Duration) -> Result<(), HostLost> {
        self.commands.send(Command::Kill { id: self.id, grace }).await.map_err(|_| HostLost)
    }
}

impl Command {
    fn into_request(self) -> (Request, Option<(StepId, mpsc::Sender<Event>)>) {
        match self {
            Self::Start { start, events } => {
                let id = start.id;
                (Request::Start(start), Some((id, events)))
            }
            Self::Kill { id, grace } => {
                let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                (Request::Kill { id, grace_ms }, None)
            }
        }
    }
}
