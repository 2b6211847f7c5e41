//! Failures that end the host before its runner.

use nix::errno::Errno;
use protocol::frame::FrameError;

use crate::{leftovers::LeftoverError, listen::ListenError, python::PythonError};

/// Number of consecutive starts of the interpreter that end before it is ready after which the host gives up.
pub(super) const MAX_FAILED_STARTS: u32 = 3;

/// Failure of the host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    #[error("failed to set up this process: its protection, signals and orphans")]
    Process(#[source] Errno),
    #[error("failed to poll for events")]
    Poll(#[source] Errno),
    #[error("failed to accept the runner's connection")]
    Listen(#[from] ListenError),
    #[error("failed to set up the runner's connection")]
    Connection(#[source] std::io::Error),
    #[error("the runner did not connect within {seconds} s")]
    NoRunner { seconds: u64 },
    #[error("failed to start the Python interpreter")]
    Python(#[from] PythonError),
    #[error("the Python interpreter ended {MAX_FAILED_STARTS} times before it was ready")]
    PythonEnds,
    #[error("a step has not started within {seconds} s; the pod is replaced")]
    NoStart { seconds: u64 },
    #[error(
        "a process of the ended run has not ended within {seconds} s after it was killed; the pod is replaced"
    )]
    Unkillable { seconds: u64 },
    #[error("failed to remove what the ended run has left; the pod is replaced")]
    Leftover(#[from] LeftoverError),
    #[error("the ended run has changed the limits or the scheduling of this process; the pod is replaced")]
    Changed,
    #[error("failed to exchange messages with the runner")]
    Runner(#[source] FrameError),
}
