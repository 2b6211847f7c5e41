//! State machine of a step from its start to its outcome.

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use protocol::host::{Action, Event, Outcome, Start, StepId, Stream};

use crate::{
    child_io::{self, ChildEnds},
    config::Config,
    framed::{Framed, Peer},
    oom_kills,
    output_reader::{OutputLine, OutputReader},
    processes,
    step::{
        budget::Budget,
        disk,
        files::{self, OutputTail},
        message::{self, Message, Received},
        outcome::{self, ExitStatus, MemoryLimit},
        prepare::{self, PrepareError, WorkDir},
    },
};

/// Time for which output is read after the process has ended. Only a process that was not found and killed can hold a
/// pipe open that long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Step from its start to its `Exited` event.
pub(crate) struct Step {
    start: Start,
    work_dir: WorkDir,
    channel: Option<Framed>,
    stdout: Option<OutputReader>,
    stderr: Option<OutputReader>,
    pid: Option<Pid>,
    /// Outcome that the process or the host has reported.
    report: Option<Outcome>,
    /// End of the standard output of a container step.
    stdout_tail: OutputTail,
    status: Option<ExitStatus>,
    kill: KillState,
    /// Number of out-of-memory kills in the container when the step started.
    initial_oom_kills: u64,
    budget: Budget,
    /// Time at which the host gives up if the process does not exist.
    starts_by: Instant,
    /// Time at which output is no longer awaited.
    drained_by: Option<Instant>,
}

/// Progress of a requested kill.
enum KillState {
    NotRequested,
    /// SIGKILL is due at this time.
    ScheduledAt(Instant),
    Sent,
}

/// Source of a step's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Channel,
    Output(Stream),
}

impl Step {
    /// Prepares everything that can be prepared before the process exists.
    ///
    /// # Errors
    /// Returns an error if the step's directory, pipes or channel cannot be created.
    pub(crate) fn prepare(config: &Config, start: Start) -> Result<(Self, ChildEnds), PrepareError> {
        let work_dir = WorkDir::create(&config.work_dir, &start)?;
        let (host_ends, child_ends) = child_io::create()?;
        let step = Self {
            start,
            work_dir,
            channel: Some(host_ends.channel),
            stdout: Some(host_ends.stdout),
            stderr: Some(host_ends.stderr),
            pid: None,
            report: None,
            stdout_tail: OutputTail::default(),
            status: None,
            kill: KillState::NotRequested,
            initial_oom_kills: oom_kills::count(),
            budget: Budget::full(Instant::now()),
            starts_by: Instant::now() + config.start_timeout,
            drained_by: None,
        };
        Ok((step, child_ends))
    }

    pub(crate) const fn id(&self) -> StepId {
        self.start.id
    }

    pub(crate) const fn pid(&self) -> Option<Pid> {
        self.pid
    }

    pub(crate) const fn channel(&self) -> Option<&Framed> {
        self.channel.as_ref()
    }

    pub(crate) const fn output(&self, stream: Stream) -> Option<&OutputReader> {
        match stream {
            Stream::Stdout => self.stdout.as_ref(),
            Stream::Stderr => self.stderr.as_ref(),
        }
    }

    /// Returns whether the step has used up its output budget for now.
    pub(crate) fn is_throttled(&self, now: Instant) -> bool {
        self.budget.resumes_at(now).is_some()
    }

    const fn is_program(&self) -> bool {
        matches!(self.start.action, Action::Container { .. })
    }

    /// Reads once from a source and returns the events for the runner.
    pub(crate) fn read(&mut self, source: Source) -> Vec<Event> {
        match source {
            Source::Channel => self.read_channel(),
            Source::Output(stream) => self.read_output(stream),
        }
    }

    /// Writes more of the data that waits for the process.
    pub(crate) fn write(&mut self) {
        if let Some(channel) = &mut self.channel {
            // A closed channel is detected when it is read.
            channel.flush();
        }
    }

    fn read_output(&mut self, stream: Stream) -> Vec<Event> {
        let slot = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(lines) = slot.as_mut().and_then(OutputReader::read) else {
            *slot = None;
            return Vec::new();
        };
        self.budget.spend(lines.iter().map(|line| line.text.len() + 1).sum(), Instant::now());
        let id = self.start.id;
        if stream == Stream::Stdout && self.is_program() {
            lines.iter().for_each(|line| self.stdout_tail.push(&line.text, line.partial));
        }
        let event = |line: OutputLine| Event::Output { id, stream, line: line.text, partial: line.partial };
        lines.into_iter().map(event).collect()
    }

    fn read_channel(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(mut peer) = self.channel.as_mut().map(Framed::fill) else { return events };
        while let Some(received) = self.channel.as_mut().map(message::receive) {
            match received {
                Received::Message(message) => events.extend(self.handle_message(message)),
                Received::Incomplete => break,
                Received::Broken(message) => {
                    events.extend(self.handle_message(message));
                    peer = Peer::Closed;
                    break;
                }
            }
        }
        if peer == Peer::Closed {
            self.channel = None;
        }
        events
    }

    fn handle_message(&mut self, message: Message) -> Option<Event> {
        let id = self.start.id;
        match message {
            Message::Hello(pid) if self.pid.is_none() => {
                self.pid = Some(pid);
                self.send_start_message();
                Some(Event::Started { id })
            }
            Message::Hello(_) => None,
            Message::Progress { fraction, message } => Some(Event::Progress { id, fraction, message }),
            Message::Report(report) => {
                self.report.get_or_insert(report);
                None
            }
        }
    }

    /// Sends the start message, for which the process waits.
    fn send_start_message(&mut self) {
        let Some(channel) = &mut self.channel else { return };
        if let Err(error) = channel.send(&prepare::start_message(&self.start, &self.work_dir)) {
            self.report = Some(Outcome::NotStarted { message: error.to_string() });
            self.channel = None;
        }
    }

    /// Sends SIGTERM to the step, and SIGKILL after `grace`.
    pub(crate) fn kill(&mut self, grace: Duration, now: Instant) {
        if let (Some(pid), false) = (self.pid, grace.is_zero()) {
            let _ = killpg(pid, Signal::SIGTERM);
        }
        self.kill = KillState::ScheduledAt(now + grace);
        self.kill_if_due(now);
    }

    /// Kills the step because of the number of its processes.
    pub(crate) fn kill_for_process_limit(&mut self, message: String, now: Instant) {
        self.report.get_or_insert(Outcome::TooManyProcesses { message });
        self.kill(Duration::ZERO, now);
    }

    /// Returns the time at which the step must be handled even if none of its descriptors is ready.
    pub(crate) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let kill = match self.kill {
            KillState::ScheduledAt(at) => Some(at),
            KillState::NotRequested | KillState::Sent => None,
        };
        let start = (self.pid.is_none() && self.status.is_none()).then_some(self.starts_by);
        [kill, self.drained_by, self.budget.resumes_at(now), start].into_iter().flatten().min()
    }

    /// Returns whether the process should exist and does not.
    pub(crate) fn start_is_overdue(&self, now: Instant) -> bool {
        self.pid.is_none() && self.status.is_none() && self.channel.is_some() && self.starts_by <= now
    }

    /// Sends SIGKILL if it is due. If the process has not sent `hello` yet, its channel is closed, which ends it.
    pub(crate) fn kill_if_due(&mut self, now: Instant) {
        if !matches!(self.kill, KillState::ScheduledAt(at) if at <= now) {
            return;
        }
        self.kill = KillState::Sent;
        match self.pid {
            Some(pid) if self.status.is_none() => processes::kill_step(pid, &prepare::mark(&self.start)),
            Some(_) => {}
            None => {
                self.channel = None;
                self.status = Some(ExitStatus::Signaled(Signal::SIGKILL));
                self.drained_by = Some(now);
            }
        }
    }

    /// Records the exit status of the process and kills all processes that it has left.
    pub(crate) fn handle_exit(&mut self, status: ExitStatus, now: Instant) {
        self.status = Some(status);
        self.drained_by = Some(now + DRAIN_TIMEOUT);
        if let Some(pid) = self.pid {
            processes::kill_step(pid, &prepare::mark(&self.start));
        }
    }

    /// Extends the time for draining output, while it is not being read.
    pub(crate) fn extend_drain(&mut self, now: Instant) {
        if self.drained_by.is_some() {
            self.drained_by = Some(now + DRAIN_TIMEOUT);
        }
    }

    /// Returns whether the process has ended and its output is read.
    pub(crate) fn has_ended(&self, now: Instant) -> bool {
        let is_read = self.channel.is_none() && self.stdout.is_none() && self.stderr.is_none();
        let is_drained = self.drained_by.is_some_and(|by| by <= now);
        match (self.pid, self.status) {
            (_, Some(_)) => is_read || is_drained,
            (Some(_), None) => false,
            (None, None) => self.channel.is_none(),
        }
    }

    /// Returns the last event and removes the step's directory.
    pub(crate) fn finish(self) -> Event {
        let id = self.start.id;
        if self.is_program() && self.report.is_none() && self.status == Some(ExitStatus::Exited(0)) {
            return Event::Exited { id, outcome: files::read_output(self.work_dir.path(), self.stdout_tail) };
        }
        let is_exceeded =
            matches!(self.kill, KillState::NotRequested) && oom_kills::count() > self.initial_oom_kills;
        let memory = if is_exceeded { MemoryLimit::Exceeded } else { MemoryLimit::NotExceeded };
        let outcome = outcome::determine(self.report, self.status, memory);
        Event::Exited { id, outcome: disk::explain(outcome, disk::full_space(self.work_dir.path())) }
    }

    /// Kills the step without reporting an outcome.
    pub(crate) fn abandon(self) {
        if let (Some(pid), None) = (self.pid, self.status) {
            processes::kill_step(pid, &prepare::mark(&self.start));
        }
    }
}
