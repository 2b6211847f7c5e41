//! State of a host while a runner is connected.

use std::{collections::BTreeMap, path::PathBuf};

use nix::sys::signalfd::SignalFd;
use protocol::host::{Event, StepId};

use crate::{
    config::Config,
    framed::{Framed, Peer},
    host::{error::HostError, process_limit::ProcessLimit},
    own_process::OwnProcess,
    python::Python,
    step::Step,
};

/// Maximum number of bytes that wait for the runner. Above it, no output of steps is read, so that their pipes fill and
/// they block. A step therefore cannot write faster than the runner reads, and memory is bounded.
const MAX_PENDING_BYTES: usize = 1024 * 1024;

/// Host with a connected runner.
pub(super) struct Host<'a> {
    pub(super) config: &'a Config,
    pub(super) signals: &'a SignalFd,
    /// Attributes of this process before the first step.
    pub(super) own_process: &'a OwnProcess,
    pub(super) runner: Framed,
    /// Interpreter; `None` in a host of container steps.
    pub(super) python: Option<Python>,
    /// Number of consecutive starts of the interpreter that ended before it was ready.
    pub(super) failed_starts: u32,
    pub(super) process_limit: ProcessLimit,
    pub(super) steps: BTreeMap<StepId, Step>,
    /// Path that steps could write to although the host does not empty it; no step is executed then.
    pub(super) writable_volume: Option<PathBuf>,
}

/// Continuation of the main loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopControl {
    Continue,
    Exit,
}

impl From<Peer> for LoopControl {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::Open => Self::Continue,
            Peer::Closed => Self::Exit,
        }
    }
}

impl Host<'_> {
    /// Sends an event to the runner. A closed connection is detected when it is read.
    ///
    /// # Errors
    /// Returns an error if the event cannot be encoded.
    pub(super) fn send_event(&mut self, event: &Event) -> Result<(), HostError> {
        self.runner.send(event).map(drop).map_err(HostError::Runner)
    }

    /// Returns whether the runner reads fast enough for more output of steps.
    pub(super) fn can_read_output(&self) -> bool {
        self.runner.pending() < MAX_PENDING_BYTES
    }
}
