//! Handles for a connected step host and for the steps that it executes.

use std::time::Duration;

use protocol::host::{Event, Request, Start, StepId};
use tokio::sync::{mpsc, oneshot};

/// Capacity of the channel for one step's events. While it is full, nothing more is read from the socket; the host
/// then stops reading the step's output, which blocks the step.
const EVENT_CAPACITY: usize = 256;

/// Connected step host. The host exits when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct StepHost {
    commands: mpsc::Sender<Command>,
}

/// Step that a host executes.
pub(crate) struct StepExecution {
    id: StepId,
    events: mpsc::Receiver<Event>,
    commands: mpsc::Sender<Command>,
}

/// The host's container has ended or its connection is broken. All steps that ran in it are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lost the connection to the step host")]
pub(crate) struct HostLost;

/// Command to a step host.
#[derive(Debug)]
pub(super) enum Command {
    /// Starts a step, whose events are sent to `events`.
    Start { start: Box<Start>, events: mpsc::Sender<Event> },
    /// Sends SIGTERM to a step, and SIGKILL after `grace`.
    Kill { id: StepId, grace: Duration },
    /// Executes a part of a reset. `done` receives a message when it has succeeded.
    Reset { part: ResetPart, done: oneshot::Sender<()> },
}

/// Part of a reset. All hosts of the pod have executed one before any executes the next, since they share memory and
/// queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResetPart {
    /// All processes of steps are killed.
    KillAll,
    /// Everything that they have left is removed.
    Clear,
}

impl StepHost {
    /// Returns a host whose connection executes the commands sent to `commands`.
    pub(super) const fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Executes a part of a reset.
    ///
    /// # Errors
    /// Returns an error if the host cannot be reset, for which it exits.
    pub(super) async fn reset(&self, part: ResetPart) -> Result<(), HostLost> {
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Reset { part, done }).await.map_err(|_| HostLost)?;
        is_done.await.map_err(|_| HostLost)
    }

    /// Starts a step. `start.id` must not have been used on this host before.
    ///
    /// # Errors
    /// Returns an error if the connection to the host has ended.
    pub(crate) async fn start(&self, start: Start) -> Result<StepExecution, HostLost> {
        let id = start.id;
        let (sender, events) = mpsc::channel(EVENT_CAPACITY);
        let command = Command::Start { start: Box::new(start), events: sender };
        self.commands.send(command).await.map_err(|_| HostLost)?;
        Ok(StepExecution { id, events, commands: self.commands.clone() })
    }
}

impl StepExecution {
    /// Waits for the next event of this step. `Exited` is the last one.
    ///
    /// # Errors
    /// Returns an error if the connection to the host has ended.
    pub(crate) async fn next_event(&mut self) -> Result<Event, HostLost> {
        self.events.recv().await.ok_or(HostLost)
    }

    /// Sends SIGTERM to the step, and SIGKILL if it still runs after `grace`. Its `Exited` event follows.
    ///
    /// # Errors
    /// Returns an error if the connection to the host has ended.
    pub(crate) async fn kill(&self, grace: Duration) -> Result<(), HostLost> {
        self.commands.send(Command::Kill { id: self.id, grace }).await.map_err(|_| HostLost)
    }
}

/// Recipient of the responses to a request.
pub(super) enum Recipient {
    /// Receives the events of a step.
    Step(StepId, mpsc::Sender<Event>),
    /// Receives the end of a part of a reset.
    Reset(oneshot::Sender<()>),
    None,
}

impl Command {
    /// Returns the request to be sent, and the recipient of the responses to it.
    pub(super) fn into_request(self) -> (Request, Recipient) {
        match self {
            Self::Start { start, events } => {
                let id = start.id;
                (Request::Start(start), Recipient::Step(id, events))
            }
            Self::Kill { id, grace } => {
                let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                (Request::Kill { id, grace_ms }, Recipient::None)
            }
            Self::Reset { part: ResetPart::KillAll, done } => (Request::KillAll, Recipient::Reset(done)),
            Self::Reset { part: ResetPart::Clear, done } => (Request::Clear, Recipient::Reset(done)),
        }
    }
}
