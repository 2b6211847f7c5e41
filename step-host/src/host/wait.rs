//! Awaits the runner, which starts in the same pod at about the same time.

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

use crate::{config::Config, host::HostError, listen};

/// Pulling the runner's image may take long; longer than this, the pod is of no use to anybody.
const PATIENCE: Duration = Duration::from_secs(600);

/// What ends the wait.
pub(super) enum Waited {
    Runner(UnixStream),
    /// SIGTERM: nobody will come.
    Stopped,
}

/// Only one runner is ever let in: the socket is removed behind it.
pub(super) fn for_runner(config: &Config, signals: &SignalFd) -> Result<Waited, HostError> {
    let listener = listen::bind(&config.socket)?;
    let until = Instant::now() + PATIENCE;
    let waited = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Err(HostError::NoRunner { seconds: PATIENCE.as_secs() });
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
        if signal && is_stopped(signals) {
            break Ok(Waited::Stopped);
        }
        if connection && let Some(runner) = listen::accept(&listener, config.runner_uid)? {
            break Ok(Waited::Runner(runner));
        }
    };
    let _ = fs::remove_file(&config.socket);
    waited
}

/// SIGCHLD is read as well; the interpreter, should it have ended, is collected with the next child.
fn is_stopped(signals: &SignalFd) -> bool {
    let mut stopped = false;
    while let Ok(Some(signal)) = signals.read_signal() {
        let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
        stopped |= Signal::try_from(number) == Ok(Signal::SIGTERM);
    }
    stopped
}
