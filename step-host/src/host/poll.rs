//! Wait until a descriptor of the host is ready or a step needs attention.

use std::{os::fd::AsFd as _, time::Instant};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use protocol::host::{StepId, Stream};

use crate::{
    host::{error::HostError, state::Host},
    step::{Source, Step},
};

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// Descriptor that can be read or written without blocking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    Signals,
    Python,
    Runner,
    RunnerWritable,
    Step(StepId, Source),
    StepWritable(StepId),
}

impl Host<'_> {
    /// Waits and returns what is ready, in the order in which it must be handled: output of steps comes before the signals
    /// that report their end.
    ///
    /// # Errors
    /// Returns an error if `poll` fails.
    pub(super) fn poll(&self) -> Result<Vec<Ready>, HostError> {
        let mut watched = self.watched_steps();
        let python = self.python.as_ref();
        watched.extend(python.map(|python| (Ready::Python, PollFd::new(python.as_fd(), PollFlags::POLLIN))));
        watched.push((Ready::Runner, PollFd::new(self.runner.as_fd(), PollFlags::POLLIN)));
        if self.runner.pending() > 0 {
            let writable = PollFd::new(self.runner.as_fd(), PollFlags::POLLOUT);
            watched.push((Ready::RunnerWritable, writable));
        }
        watched.push((Ready::Signals, PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)));

        let (names, mut fds): (Vec<Ready>, Vec<PollFd<'_>>) = watched.into_iter().unzip();
        match poll(&mut fds, self.timeout()) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(error) => return Err(HostError::Poll(error)),
        }
        let ready = names.into_iter().zip(fds).filter(|(_, fd)| fd.any().unwrap_or(true));
        Ok(ready.map(|(name, _)| name).collect())
    }

    fn watched_steps(&self) -> Vec<(Ready, PollFd<'_>)> {
        let mut watched = Vec::new();
        for step in self.steps.values() {
            let Some(channel) = step.channel().filter(|channel| channel.pending() > 0) else { continue };
            let writable = PollFd::new(channel.as_fd(), PollFlags::POLLOUT);
            watched.push((Ready::StepWritable(step.id()), writable));
        }
        if self.can_read_output() {
            watched.extend(self.steps.values().flat_map(readable));
        }
        watched
    }

    /// Returns the time until the next count of processes, or until a step must be killed or read again.
    fn timeout(&self) -> PollTimeout {
        let now = Instant::now();
        let step_times = self.steps.values().filter_map(|step| step.next_deadline(now));
        let count = (!self.steps.is_empty()).then(|| self.process_limit.next_count_at(now));
        let Some(at) = step_times.chain(count).min() else { return PollTimeout::NONE };
        // The timeout is rounded up: otherwise the loop would be busy during the last millisecond.
        let left = at.saturating_duration_since(now).as_millis() + 1;
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }
}

/// Returns the descriptors of a step that may be read.
fn readable(step: &Step) -> impl Iterator<Item = (Ready, PollFd<'_>)> {
    let channel = step.channel().map(|channel| (Source::Channel, channel.as_fd()));
    let streams = if step.is_throttled(Instant::now()) { &[][..] } else { &STREAMS[..] };
    let output = streams
        .iter()
        .copied()
        .filter_map(|stream| step.output(stream).map(|reader| (Source::Output(stream), reader.as_fd())));
    output
        .chain(channel)
        .map(|(source, fd)| (Ready::Step(step.id(), source), PollFd::new(fd, PollFlags::POLLIN)))
}
