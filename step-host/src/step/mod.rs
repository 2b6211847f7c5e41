//! One step while it runs: its process, its channel, its output, its end.

mod budget;
mod files;
pub(crate) mod lines;
mod message;
pub(crate) mod outcome;
mod prepare;

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use protocol::host::{Action, Event, Outcome, Start, StepId, Stream};

use crate::{
    config::Config,
    framed::{Framed, Peer},
    oom,
    step::{
        budget::Budget,
        files::Tail,
        lines::Lines,
        message::{Message, Received},
        outcome::{Memory, Status},
        prepare::WorkDir,
    },
    sweep,
};

pub(crate) use prepare::{ChildEnds, PrepareError};

/// How long output is awaited when the process is gone. Only a process that escaped the sweep can hold a pipe
/// open that long.
const DRAIN: Duration = Duration::from_secs(1);

/// A step from its start to its `Exited`.
pub(crate) struct Step {
    start: Start,
    work_dir: WorkDir,
    channel: Option<Framed>,
    stdout: Option<Lines>,
    stderr: Option<Lines>,
    pid: Option<Pid>,
    report: Option<Outcome>,
    written: Tail,
    status: Option<Status>,
    kill: Kill,
    kills_before: u64,
    budget: Budget,
    drained_by: Option<Instant>,
}

/// Whether somebody asked for the step's end.
enum Kill {
    No,
    At(Instant),
    Done,
}

/// Something of a step that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Channel,
    Output(Stream),
}

impl Step {
    /// All that can be made ready before the process exists.
    pub(crate) fn prepare(config: &Config, start: Start) -> Result<(Self, ChildEnds), PrepareError> {
        let work_dir = WorkDir::create(&config.work_dir, &start)?;
        let (ours, theirs) = prepare::ends()?;
        let step = Self {
            start,
            work_dir,
            channel: Some(ours.channel),
            stdout: Some(ours.stdout),
            stderr: Some(ours.stderr),
            pid: None,
            report: None,
            written: Tail::default(),
            status: None,
            kill: Kill::No,
            kills_before: oom::kills(),
            budget: Budget::full(Instant::now()),
            drained_by: None,
        };
        Ok((step, theirs))
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

    pub(crate) const fn output(&self, stream: Stream) -> Option<&Lines> {
        match stream {
            Stream::Stdout => self.stdout.as_ref(),
            Stream::Stderr => self.stderr.as_ref(),
        }
    }

    /// Whether it has written more than it may for now.
    pub(crate) fn is_throttled(&self, now: Instant) -> bool {
        self.budget.resumes_at(now).is_some()
    }

    const fn is_program(&self) -> bool {
        matches!(self.start.action, Action::Container { .. })
    }

    /// Reads once from `source`; what it says for the runner.
    pub(crate) fn read(&mut self, source: Source) -> Vec<Event> {
        match source {
            Source::Channel => self.read_channel(),
            Source::Output(stream) => self.read_output(stream),
        }
    }

    /// Writes on what waits for the process.
    pub(crate) fn write(&mut self) {
        if let Some(channel) = &mut self.channel {
            // A peer that is gone is noticed when the channel is read.
            channel.flush();
        }
    }

    fn read_output(&mut self, stream: Stream) -> Vec<Event> {
        let slot = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(lines) = slot.as_mut().and_then(Lines::read) else {
            *slot = None;
            return Vec::new();
        };
        self.budget.spend(lines.iter().map(|line| line.text.len() + 1).sum(), Instant::now());
        let id = self.start.id;
        if stream == Stream::Stdout && self.is_program() {
            lines.iter().for_each(|line| self.written.push(&line.text, line.partial));
        }
        let event = |line: lines::Line| Event::Output { id, stream, line: line.text, partial: line.partial };
        lines.into_iter().map(event).collect()
    }

    fn read_channel(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let Some(mut peer) = self.channel.as_mut().map(Framed::fill) else { return events };
        while let Some(received) = self.channel.as_mut().map(message::receive) {
            match received {
                Received::Message(message) => events.extend(self.take(message)),
                Received::Nothing => break,
                Received::Broken(message) => {
                    events.extend(self.take(message));
                    peer = Peer::Gone;
                    break;
                }
            }
        }
        if peer == Peer::Gone {
            self.channel = None;
        }
        events
    }

    fn take(&mut self, message: Message) -> Option<Event> {
        let id = self.start.id;
        match message {
            Message::Hello(pid) if self.pid.is_none() => {
                self.pid = Some(pid);
                self.begin();
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

    /// Tells the waiting process what to do.
    fn begin(&mut self) {
        let Some(channel) = &mut self.channel else { return };
        if let Err(error) = channel.send(&prepare::message(&self.start, &self.work_dir)) {
            self.report = Some(Outcome::NotStarted { message: error.to_string() });
            self.channel = None;
        }
    }

    /// Asks for the step's end.
    pub(crate) fn kill(&mut self, grace: Duration, now: Instant) {
        if let (Some(pid), false) = (self.pid, grace.is_zero()) {
            let _ = killpg(pid, Signal::SIGTERM);
        }
        self.kill = Kill::At(now + grace);
        self.kill_if_due(now);
    }

    /// Ends it because of how many processes it has.
    pub(crate) fn disperse(&mut self, message: String, now: Instant) {
        self.report.get_or_insert(Outcome::TooManyProcesses { message });
        self.kill(Duration::ZERO, now);
    }

    /// When this step wants attention though nothing happens.
    pub(crate) fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let kill = match self.kill {
            Kill::At(at) => Some(at),
            Kill::No | Kill::Done => None,
        };
        [kill, self.drained_by, self.budget.resumes_at(now)].into_iter().flatten().min()
    }

    /// Sends SIGKILL when its time has come. A process that has not said hello finds its channel closed.
    pub(crate) fn kill_if_due(&mut self, now: Instant) {
        if !matches!(self.kill, Kill::At(at) if at <= now) {
            return;
        }
        self.kill = Kill::Done;
        match self.pid {
            Some(pid) if self.status.is_none() => sweep::step(pid, &prepare::mark(&self.start)),
            Some(_) => {}
            None => {
                self.channel = None;
                self.status = Some(Status::Signaled(Signal::SIGKILL));
                self.drained_by = Some(now);
            }
        }
    }

    /// The kernel says that the process is gone: whatever it left goes now.
    pub(crate) fn reaped(&mut self, status: Status, now: Instant) {
        self.status = Some(status);
        self.drained_by = Some(now + DRAIN);
        if let Some(pid) = self.pid {
            sweep::step(pid, &prepare::mark(&self.start));
        }
    }

    /// Output is not being read at the moment: the time to drain it does not run.
    pub(crate) fn hold(&mut self, now: Instant) {
        if self.drained_by.is_some() {
            self.drained_by = Some(now + DRAIN);
        }
    }

    /// Whether all is known and all is read.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let read = self.channel.is_none() && self.stdout.is_none() && self.stderr.is_none();
        let given_up = self.drained_by.is_some_and(|by| by <= now);
        match (self.pid, self.status) {
            (_, Some(_)) => read || given_up,
            (Some(_), None) => false,
            (None, None) => self.channel.is_none(),
        }
    }

    /// The last event. Takes the step's directory with it.
    pub(crate) fn finish(self) -> Event {
        let id = self.start.id;
        if self.is_program() && self.report.is_none() && self.status == Some(Status::Exited(0)) {
            return Event::Exited { id, outcome: files::read_output(self.work_dir.path(), self.written) };
        }
        let ran_out = matches!(self.kill, Kill::No) && oom::kills() > self.kills_before;
        let memory = if ran_out { Memory::RanOut } else { Memory::Sufficed };
        Event::Exited { id, outcome: outcome::decide(self.report, self.status, memory) }
    }

    /// Kills at once, without an account.
    pub(crate) fn abandon(self) {
        if let (Some(pid), None) = (self.pid, self.status) {
            sweep::step(pid, &prepare::mark(&self.start));
        }
    }
}
