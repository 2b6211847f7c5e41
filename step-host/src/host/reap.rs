//! Reaping of processes that have ended: steps, the interpreter, and orphans.

use std::time::Instant;

use nix::{
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::Pid,
};
use protocol::host::Event;

use crate::{
    host::{
        error::{HostError, MAX_FAILED_STARTS},
        state::Host,
    },
    python::{Message, Python},
    step::ExitStatus,
};

impl Host<'_> {
    /// Reads pending signals and reaps all processes that have ended.
    ///
    /// # Errors
    /// Returns an error if the interpreter cannot be restarted.
    pub(super) fn read_signals(&mut self) -> Result<(), HostError> {
        // SIGTERM announces the end of the pod. The runner receives it as well and decides which steps may still run; the
        // host exits when the runner does.
        while let Ok(Some(_)) = self.signals.read_signal() {}
        while let Some((pid, status)) = next_exited() {
            self.handle_exit(pid, status)?;
        }
        Ok(())
    }

    fn handle_exit(&mut self, pid: Pid, status: ExitStatus) -> Result<(), HostError> {
        if self.python.as_ref().is_some_and(|python| python.pid() == pid) {
            return self.restart_python();
        }
        if let Some(step) = self.steps.values_mut().find(|step| step.pid() == Some(pid)) {
            step.handle_exit(status, Instant::now());
        }
        Ok(())
    }

    /// Starts a new interpreter. Running steps are not affected, since they are children of this process. The channel of
    /// a step that the interpreter had not yet forked is closed, and the step is reported as not started.
    fn restart_python(&mut self) -> Result<(), HostError> {
        if self.python.as_ref().map(Python::receive) == Some(Message::Ready) {
            self.failed_starts = 0;
            self.send_event(&Event::Ready)?;
        }
        self.failed_starts += 1;
        if self.failed_starts >= MAX_FAILED_STARTS {
            return Err(HostError::PythonEnds);
        }
        self.python = Some(Python::spawn(self.config)?);
        Ok(())
    }
}

/// Reaps one process. Returns `None` if no further one has ended.
fn next_exited() -> Option<(Pid, ExitStatus)> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((pid, ExitStatus::Exited(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => return Some((pid, ExitStatus::Signaled(signal))),
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
