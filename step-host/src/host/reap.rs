//! Collects processes that ended: steps, the interpreter, and orphans.

use std::time::Instant;

use nix::{
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    unistd::Pid,
};
use protocol::host::Event;

use crate::{
    host::{Host, HostError, MAX_FAILED_STARTS},
    python::{Python, Said},
    step::outcome::Status,
};

impl Host<'_> {
    pub(super) fn read_signals(&mut self) -> Result<(), HostError> {
        // SIGTERM comes with the end of the pod. The runner gets it as well and decides what still runs;
        // a host leaves when the runner does.
        while let Ok(Some(_)) = self.signals.read_signal() {}
        while let Some((pid, status)) = next_ended() {
            self.reaped(pid, status)?;
        }
        Ok(())
    }

    fn reaped(&mut self, pid: Pid, status: Status) -> Result<(), HostError> {
        if self.python.as_ref().is_some_and(|python| python.pid() == pid) {
            return self.restart_python();
        }
        if let Some(step) = self.steps.values_mut().find(|step| step.pid() == Some(pid)) {
            step.reaped(status, Instant::now());
        }
        Ok(())
    }

    /// Steps that run are not touched: they are children of this process. Those that the interpreter had not
    /// yet forked find their channel closed, and are told as not started.
    fn restart_python(&mut self) -> Result<(), HostError> {
        if self.python.as_ref().map(Python::listen) == Some(Said::Ready) {
            self.failed_starts = 0;
            self.tell(&Event::Ready)?;
        }
        self.failed_starts += 1;
        if self.failed_starts >= MAX_FAILED_STARTS {
            return Err(HostError::PythonEnds);
        }
        self.python = Some(Python::spawn(self.config)?);
        Ok(())
    }
}

fn next_ended() -> Option<(Pid, Status)> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((pid, Status::Exited(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => return Some((pid, Status::Signaled(signal))),
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
