//! Reset of the host between two runs, so that nothing of one exists in the next.
//!
//! Everything is checked rather than assumed: a host in which anything remains exits. Its pod is then lost, and the next
//! run is executed in another one.

use std::{
    os::fd::AsFd as _,
    path::Path,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::host::{Event, Outcome};

use crate::{
    config::Kind,
    host::{error::HostError, serve, state::Host},
    leftovers,
    processes::{self, Remaining},
    python::Python,
};

/// Time within which killed processes must have ended. They end within milliseconds, unless the kernel hangs.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval between two attempts to find further processes, while none of the known ones ends.
const KILL_INTERVAL_MS: u8 = 10;
/// File for the container's termination message; the default path of Kubernetes.
const TERMINATION_MESSAGE: &str = "/dev/termination-log";

impl Host<'_> {
    /// Kills all processes and waits until none is left. Steps that still run are reported as killed.
    ///
    /// # Errors
    /// Returns an error if a process does not end.
    pub(super) fn kill_everything(&mut self) -> Result<(), HostError> {
        let steps = std::mem::take(&mut self.steps);
        self.kill_processes()?;
        for id in steps.into_keys() {
            self.send_event(&Event::Exited { id, outcome: Outcome::Signal { number: 9 } })?;
        }
        self.send_event(&Event::Killed)
    }

    /// Kills what the steps have left while none is running. Processes that fork faster than they are found are killed
    /// together with the interpreter, which is then started again.
    ///
    /// # Errors
    /// Returns an error if a process does not end or the interpreter cannot be started.
    pub(super) fn kill_orphans(&mut self) -> Result<(), HostError> {
        match processes::kill_children_except(self.python.as_ref().map(Python::pid)) {
            Remaining::None => Ok(()),
            Remaining::Some => {
                self.kill_processes()?;
                self.start_python()
            }
        }
    }

    /// Kills all processes, including the interpreter, and waits until none is left.
    fn kill_processes(&mut self) -> Result<(), HostError> {
        self.python = None;
        let deadline = Instant::now() + KILL_TIMEOUT;
        while processes::kill_all_and_reap() == Remaining::Some {
            if Instant::now() >= deadline {
                return Err(HostError::Unkillable { seconds: KILL_TIMEOUT.as_secs() });
            }
            self.wait_for_exit()?;
        }
        Ok(())
    }

    /// Waits until a process has ended, at most for [`KILL_INTERVAL_MS`].
    fn wait_for_exit(&self) -> Result<(), HostError> {
        let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(KILL_INTERVAL_MS)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(HostError::Poll(error)),
        }
        while let Ok(Some(_)) = self.signals.read_signal() {}
        Ok(())
    }

    /// Removes what the steps of the ended run have left, checks that they have not changed this process, and starts a new
    /// interpreter.
    ///
    /// # Errors
    /// Returns an error if anything remains.
    pub(super) fn clear(&mut self) -> Result<(), HostError> {
        let config = self.config;
        let socket_dir = config.socket.parent().map(Path::to_owned);
        let own = [Some(config.work_dir.clone()), config.scratch.clone(), socket_dir];
        for directory in own.iter().flatten().chain(&config.shared_dirs) {
            leftovers::empty(directory)?;
        }
        // Outside of a container, both are shared with programs that are not steps.
        if processes::is_first() {
            leftovers::empty_termination_message(Path::new(TERMINATION_MESSAGE))?;
            leftovers::check_system_v()?;
        }
        self.writable_volume = serve::find_writable_volume(config);
        if !self.own_process.is_unchanged() {
            return Err(HostError::Changed);
        }
        self.start_python()?;
        self.send_event(&Event::Cleared)
    }

    fn start_python(&mut self) -> Result<(), HostError> {
        self.failed_starts = 0;
        self.python = match self.config.kind {
            Kind::Python => Some(Python::spawn(self.config)?),
            Kind::Container => None,
        };
        Ok(())
    }
}
