//! Main loop of the host.

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{SigSet, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
    },
};
use protocol::{
    frame::FrameError,
    host::{Event, Outcome, StepId},
};

use crate::{
    config::{Config, Kind},
    framed::Framed,
    host::{
        await_runner::{self, Awaited},
        error::HostError,
        poll::Ready,
        process_limit::ProcessLimit,
        state::{Host, LoopControl},
    },
    leftovers,
    own_process::OwnProcess,
    processes,
    python::{Message, Python},
    step::{Source, Step},
    volumes,
};

/// Serves one runner from its connection to its end. The interpreter starts while the host waits for the runner.
///
/// # Errors
/// Returns an error if the runner does not connect in time or the host cannot continue.
pub(crate) fn serve(config: &Config) -> Result<(), HostError> {
    prctl::set_child_subreaper(true).map_err(HostError::Process)?;
    let own_process = OwnProcess::protect(config.scratch.as_deref()).map_err(HostError::Process)?;
    let signals = block_signals().map_err(HostError::Process)?;
    let python = match config.kind {
        Kind::Python => Some(Python::spawn(config)?),
        Kind::Container => None,
    };
    let runner = match await_runner::await_runner(config, &signals) {
        Ok(Awaited::Runner(stream)) => stream,
        Ok(Awaited::Terminated) => {
            kill_python(python.as_ref());
            return Ok(());
        }
        Err(error) => {
            kill_python(python.as_ref());
            return Err(error);
        }
    };
    let runner = Framed::new(runner).map_err(HostError::Connection)?;
    let steps = BTreeMap::new();
    let process_limit = ProcessLimit::new(config.max_processes);
    let (signals, own_process) = (&signals, &own_process);
    let writable_volume = find_writable_volume(config);
    let mut host = Host {
        config,
        signals,
        own_process,
        runner,
        python,
        failed_starts: 0,
        process_limit,
        steps,
        writable_volume,
    };
    let ended = host.run();
    host.kill_all();
    ended
}

/// Returns a path of this container that steps could write to although the host does not empty it. Outside of a container, that
/// is no defect.
pub(super) fn find_writable_volume(config: &Config) -> Option<PathBuf> {
    if processes::is_first() { volumes::find_writable(config) } else { None }
}

/// Blocks the signals that the host handles and returns the descriptor from which it reads them.
fn block_signals() -> Result<SignalFd, Errno> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.add(Signal::SIGTERM);
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

fn kill_python(python: Option<&Python>) {
    if let Some(python) = python {
        let _ = kill(python.pid(), Signal::SIGKILL);
    }
}

impl Host<'_> {
    /// Handles events until the runner closes the connection or requests a shutdown.
    fn run(&mut self) -> Result<(), HostError> {
        // The interpreter may have ended while the host waited for the runner.
        self.read_signals()?;
        loop {
            for ready in self.poll()? {
                if self.handle(ready)? == LoopControl::Exit {
                    return Ok(());
                }
            }
            self.finish_steps()?;
        }
    }

    fn handle(&mut self, ready: Ready) -> Result<LoopControl, HostError> {
        match ready {
            Ready::Signals => self.read_signals()?,
            Ready::Python => self.read_python()?,
            Ready::RunnerWritable => return Ok(self.runner.flush().into()),
            Ready::Runner => return self.read_runner(),
            Ready::StepWritable(id) => self.steps.get_mut(&id).map_or((), Step::write),
            Ready::Step(id, source) => self.read_step(id, source)?,
        }
        Ok(LoopControl::Continue)
    }

    fn read_python(&mut self) -> Result<(), HostError> {
        if self.python.as_ref().map(Python::receive) == Some(Message::Ready) {
            self.failed_starts = 0;
            self.send_event(&Event::Ready)?;
        }
        Ok(())
    }

    fn read_step(&mut self, id: StepId, source: Source) -> Result<(), HostError> {
        let events = self.steps.get_mut(&id).map(|step| step.read(source)).unwrap_or_default();
        events.iter().try_for_each(|event| self.send_event(event))
    }

    /// Reports the steps that have ended. After the last one, kills all orphans and empties the scratch directory.
    fn finish_steps(&mut self) -> Result<(), HostError> {
        let now = Instant::now();
        let is_paused = !self.can_read_output();
        if self.steps.values().any(|step| step.start_is_overdue(now)) {
            return Err(HostError::NoStart { seconds: self.config.start_timeout.as_secs() });
        }
        self.process_limit.enforce(&mut self.steps, now);
        for step in self.steps.values_mut() {
            step.kill_if_due(now);
            if is_paused || step.is_throttled(now) {
                step.extend_drain(now);
            }
        }
        let ended: Vec<StepId> =
            self.steps.values().filter(|step| step.has_ended(now)).map(Step::id).collect();
        if ended.is_empty() {
            return Ok(());
        }
        if ended.len() == self.steps.len() {
            self.kill_orphans()?;
        }
        let ended: Vec<Step> = ended.iter().filter_map(|id| self.steps.remove(id)).collect();
        ended.into_iter().try_for_each(|step| self.report_end(step))?;
        if let (Some(scratch), true) = (&self.config.scratch, self.steps.is_empty()) {
            leftovers::empty_best_effort(scratch);
        }
        Ok(())
    }

    /// Sends the outcome of a step. A value may fit into the step's message to the host but not into the event.
    fn report_end(&mut self, step: Step) -> Result<(), HostError> {
        let id = step.id();
        match self.send_event(&step.finish()) {
            Err(HostError::Runner(error @ FrameError::TooLarge { .. })) => {
                let outcome = Outcome::BadOutput { message: error.to_string() };
                self.send_event(&Event::Exited { id, outcome })
            }
            sent => sent,
        }
    }

    /// Kills all processes. As process 1 the host could simply exit, but elsewhere they would remain.
    fn kill_all(&mut self) {
        while let Some((_, step)) = self.steps.pop_first() {
            step.abandon();
        }
        kill_python(self.python.as_ref());
        processes::kill_children_except(None);
    }
}
