//! Wait for the runner, which starts in the same pod at about the same time.

use std::{
    fs,
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{signal::Signal, signalfd::SignalFd},
};

use crate::{config::Config, host::error::HostError, listen};

/// Timeout for the connection of the runner. Pulling its image may take long; if it takes longer than this,
/// the pod is unusable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(600);

/// End of the wait.
pub(super) enum Awaited {
    Runner(UnixStream),
    /// The host received SIGTERM, so that no runner will connect.
    Terminated,
}

/// Accepts the connection of the runner. The socket is removed afterwards, so that no second connection is
/// possible.
///
/// # Errors
/// Returns an error if the runner does not connect within [`CONNECT_TIMEOUT`], or the socket fails.
pub(super) fn await_runner(config: &Config, signals: &SignalFd) -> Result<Awaited, HostError> {
    let listener = listen::bind(&config.socket)?;
    let deadline = Instant::now() + CONNECT_TIMEOUT;
    let awaited = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Err(HostError::NoRunner { seconds: CONNECT_TIMEOUT.as_secs() });
        }
        let timeout = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => break Err(HostError::Poll(error)),
        }
        let [connection, signal] = fds.map(|fd| fd.any().unwrap_or(true));
        if signal && received_sigterm(signals) {
            break Ok(Awaited::Terminated);
        }
        if connection && let Some(runner) = listen::accept(&listener, config.runner_uid)? {
            break Ok(Awaited::Runner(runner));
        }
    };
    let _ = fs::remove_file(&config.socket);
    awaited
}

/// Returns whether SIGTERM is among the pending signals. A SIGCHLD of the interpreter is consumed as well; the main loop
/// reaps it when it starts.
fn received_sigterm(signals: &SignalFd) -> bool {
    let mut received = false;
    while let Ok(Some(signal)) = signals.read_signal() {
        let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
        received |= Signal::try_from(number) == Ok(Signal::SIGTERM);
    }
    received
}
