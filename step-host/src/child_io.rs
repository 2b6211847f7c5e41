//! Pipes and channel between the host and the process of a step.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};

use crate::{framed::Framed, output_reader::OutputReader};

/// Failure to create the pipes or the channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildIoError {
    #[error("failed to create the step's pipes: {0}")]
    Pipes(Errno),
    #[error("failed to create the step's channel: {0}")]
    Channel(io::Error),
}

/// Ends for the process of a step.
pub(crate) struct ChildEnds {
    pub(crate) channel: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Ends of the pipes and of the control channel that the step host keeps; the child process has the opposite ends.
pub(crate) struct HostEnds {
    pub(crate) channel: Framed,
    pub(crate) stdout: OutputReader,
    pub(crate) stderr: OutputReader,
}

/// Creates the channel and the pipes for standard output and standard error.
///
/// # Errors
/// Returns an error if the system has no more file descriptors.
pub(crate) fn create() -> Result<(HostEnds, ChildEnds), ChildIoError> {
    let (host_channel, child_channel) = UnixStream::pair().map_err(ChildIoError::Channel)?;
    let channel = Framed::new(host_channel).map_err(ChildIoError::Channel)?;
    let (stdout, child_stdout) = create_output()?;
    let (stderr, child_stderr) = create_output()?;
    let child = ChildEnds { channel: child_channel.into(), stdout: child_stdout, stderr: child_stderr };
    Ok((HostEnds { channel, stdout, stderr }, child))
}

/// Creates a pipe. Only the host's end is non-blocking, so that a step that writes faster than it is read has to wait.
fn create_output() -> Result<(OutputReader, OwnedFd), ChildIoError> {
    let (host, child) = pipe2(OFlag::O_CLOEXEC).map_err(ChildIoError::Pipes)?;
    fcntl(&host, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(ChildIoError::Pipes)?;
    Ok((OutputReader::new(host), child))
}
