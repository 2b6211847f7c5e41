//! The host: one loop around `poll` over the runner, the interpreter, the steps and the signals.

mod crowd;
mod ready;
mod reap;
mod requests;
mod wait;

use std::{collections::BTreeMap, time::Instant};

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
    host::{Event, Outcome, StepId, Stream},
};

use crate::{
    config::{Config, Kind},
    framed::{Framed, Peer},
    host::{crowd::Crowd, ready::Ready, wait::Waited},
    listen::ListenError,
    python::{Python, PythonError, Said},
    step::{Source, Step},
    sweep,
};

/// Above this many bytes that wait for the runner no step's output is read: its pipes fill, and it waits.
/// So a step can write no faster than the runner takes it, and memory stays bounded.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// An interpreter that ends this often before it was ever ready will not get better.
const MAX_FAILED_STARTS: u32 = 3;

/// Why a host ends before its runner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    #[error("failed to take charge of signals and orphans")]
    Process(#[source] Errno),
    #[error("failed to wait for events")]
    Poll(#[source] Errno),
    #[error("failed to have the runner connect")]
    Listen(#[from] ListenError),
    #[error("failed to set up the runner's connection")]
    Connection(#[source] std::io::Error),
    #[error("failed to have the runner connect within {seconds} s")]
    NoRunner { seconds: u64 },
    #[error("failed to keep an interpreter")]
    Python(#[from] PythonError),
    #[error("failed to get an interpreter ready: it ended {MAX_FAILED_STARTS} times")]
    PythonEnds,
    #[error("failed to talk to the runner")]
    Runner(#[source] FrameError),
}

/// All that a host holds while a runner is connected.
struct Host<'a> {
    config: &'a Config,
    signals: &'a SignalFd,
    runner: Framed,
    /// The interpreter; a host of container steps has none.
    python: Option<Python>,
    failed_starts: u32,
    crowd: Crowd,
    steps: BTreeMap<StepId, Step>,
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
}

/// Serves one runner from its connection to its end.
///
/// The interpreter warms up while the runner is awaited.
pub(crate) fn serve(config: &Config) -> Result<(), HostError> {
    prctl::set_child_subreaper(true).map_err(HostError::Process)?;
    let signals = signals().map_err(HostError::Process)?;
    let python = match config.kind {
        Kind::Python => Some(Python::spawn(config)?),
        Kind::Container => None,
    };
    let runner = match wait::for_runner(config, &signals) {
        Ok(Waited::Runner(stream)) => stream,
        Ok(Waited::Stopped) => return end_python(python.as_ref()),
        Err(error) => return end_python(python.as_ref()).and(Err(error)),
    };
    let runner = Framed::new(runner).map_err(HostError::Connection)?;
    let steps = BTreeMap::new();
    let crowd = Crowd::new(config.max_processes);
    let mut host = Host { config, signals: &signals, runner, python, failed_starts: 0, crowd, steps };
    let ended = host.run();
    host.leave();
    ended
}

fn signals() -> Result<SignalFd, Errno> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.add(Signal::SIGTERM);
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

fn end_python(python: Option<&Python>) -> Result<(), HostError> {
    if let Some(python) = python {
        let _ = kill(python.pid(), Signal::SIGKILL);
    }
    Ok(())
}

impl Host<'_> {
    fn run(&mut self) -> Result<(), HostError> {
        // The interpreter may have ended while the runner was awaited.
        self.read_signals()?;
        loop {
            for ready in self.wait()? {
                if self.handle(ready)? == Next::Leave {
                    return Ok(());
                }
            }
            self.end_steps()?;
        }
    }

    fn handle(&mut self, ready: Ready) -> Result<Next, HostError> {
        match ready {
            Ready::Signals => self.read_signals()?,
            Ready::Python => self.hear_python()?,
            Ready::RunnerWritable => return Ok(leave_if(self.runner.flush())),
            Ready::Runner => return self.hear_runner(),
            Ready::StepWritable(id) => self.steps.get_mut(&id).map_or((), Step::write),
            Ready::Step(id, source) => self.hear_step(id, source)?,
        }
        Ok(Next::GoOn)
    }

    fn hear_python(&mut self) -> Result<(), HostError> {
        if self.python.as_ref().map(Python::listen) == Some(Said::Ready) {
            self.failed_starts = 0;
            self.tell(&Event::Ready)?;
        }
        Ok(())
    }

    fn hear_step(&mut self, id: StepId, source: Source) -> Result<(), HostError> {
        let events = self.steps.get_mut(&id).map(|step| step.read(source)).unwrap_or_default();
        events.iter().try_for_each(|event| self.tell(event))
    }

    fn tell(&mut self, event: &Event) -> Result<(), HostError> {
        // A runner that is gone is noticed when it is read.
        self.runner.send(event).map(drop).map_err(HostError::Runner)
    }

    /// Reports the steps that are over. With the last one goes everybody who belongs to none.
    fn end_steps(&mut self) -> Result<(), HostError> {
        let now = Instant::now();
        let held = !self.reads_steps();
        self.crowd.disperse(&mut self.steps, now);
        for step in self.steps.values_mut() {
            step.kill_if_due(now);
            if held || step.is_throttled(now) {
                step.hold(now);
            }
        }
        let over: Vec<StepId> = self.steps.values().filter(|step| step.is_over(now)).map(Step::id).collect();
        if over.is_empty() {
            return Ok(());
        }
        if over.len() == self.steps.len() {
            sweep::strays(self.python.as_ref().map(Python::pid));
        }
        let over: Vec<Step> = over.iter().filter_map(|id| self.steps.remove(id)).collect();
        over.into_iter().try_for_each(|step| self.report_end(step))?;
        if let (Some(scratch), true) = (&self.config.scratch, self.steps.is_empty()) {
            sweep::files(scratch);
        }
        Ok(())
    }

    /// A value may just fit into the step's message, and not into ours.
    fn report_end(&mut self, step: Step) -> Result<(), HostError> {
        let id = step.id();
        match self.tell(&step.finish()) {
            Err(HostError::Runner(error @ FrameError::TooLarge { .. })) => {
                let outcome = Outcome::BadOutput { message: error.to_string() };
                self.tell(&Event::Exited { id, outcome })
            }
            told => told,
        }
    }

    fn reads_steps(&self) -> bool {
        self.runner.pending() < MAX_WAITING_BYTES
    }

    /// Kills all. Process 1 could simply exit; elsewhere nothing must stay.
    fn leave(&mut self) {
        while let Some((_, step)) = self.steps.pop_first() {
            step.abandon();
        }
        let _ = end_python(self.python.as_ref());
        sweep::strays(None);
    }
}

const fn leave_if(peer: Peer) -> Next {
    match peer {
        Peer::Open => Next::GoOn,
        Peer::Gone => Next::Leave,
    }
}

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];
