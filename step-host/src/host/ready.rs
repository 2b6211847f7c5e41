//! Waits until something of a host can be read or written, or a step's time has come.

use std::{os::fd::AsFd as _, time::Instant};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use protocol::host::StepId;

use crate::{
    host::{Host, HostError, STREAMS},
    step::{Source, Step},
};

/// Something that does not block now.
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
    /// In the order in which it is to be handled: output before the signals that tell of an end.
    pub(super) fn wait(&self) -> Result<Vec<Ready>, HostError> {
        let mut watched = self.steps_watched();
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

    fn steps_watched(&self) -> Vec<(Ready, PollFd<'_>)> {
        let mut watched = Vec::new();
        for step in self.steps.values() {
            let Some(channel) = step.channel().filter(|channel| channel.pending() > 0) else { continue };
            let writable = PollFd::new(channel.as_fd(), PollFlags::POLLOUT);
            watched.push((Ready::StepWritable(step.id()), writable));
        }
        if self.reads_steps() {
            watched.extend(self.steps.values().flat_map(readable));
        }
        watched
    }

    fn timeout(&self) -> PollTimeout {
        let now = Instant::now();
        let wakes = self.steps.values().filter_map(|step| step.wakes_at(now));
        let look = (!self.steps.is_empty()).then(|| self.crowd.looks_at(now));
        let Some(at) = wakes.chain(look).min() else { return PollTimeout::NONE };
        // One more than the whole milliseconds that are left: else the last one is spent in a busy loop.
        let left = at.saturating_duration_since(now).as_millis() + 1;
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }
}

fn readable(step: &Step) -> impl Iterator<Item = (Ready, PollFd<'_>)> {
    let channel = step.channel().map(|channel| (Source::Channel, channel.as_fd()));
    let streams = if step.is_throttled(Instant::now()) { &[][..] } else { &STREAMS[..] };
    let output = streams
        .iter()
        .copied()
        .filter_map(|stream| step.output(stream).map(|lines| (Source::Output(stream), lines.as_fd())));
    output
        .chain(channel)
        .map(|(source, fd)| (Ready::Step(step.id(), source), PollFd::new(fd, PollFlags::POLLIN)))
}
