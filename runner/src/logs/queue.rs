//! Lines that wait for the api-server. Bounded: one that is away must neither slow a step down nor fill memory.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use protocol::internal::{LogLine, LogStream, MAX_LOG_LINES};
use tokio::sync::{Notify, oneshot};

use crate::logs::{Line, Origin};

/// Bytes that may wait. A line has its text and some 200 bytes around it.
const MAX_BYTES: usize = 1024 * 1024;
/// Bytes of one batch; a line more does not matter.
const BATCH_BYTES: usize = 64 * 1024;
const OVERHEAD: usize = 200;

/// Lines in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<(Arc<str>, LogLine)>,
    bytes: usize,
    /// The next number of each run. A run is in one pod at a time, so there are few.
    next: BTreeMap<Arc<str>, u64>,
    /// What was left out since a line got in.
    dropped: Option<Dropped>,
    /// Who waits for the lines that were pushed before: how many of all there were then.
    flushes: VecDeque<(u64, oneshot::Sender<()>)>,
    /// Lines that were ever added, and that are done with.
    added: u64,
    done: u64,
    is_closed: bool,
}

/// Lines that found no room; of the attempt that lost the last of them.
#[derive(Debug)]
struct Dropped {
    origin: Origin,
    time: Timestamp,
    lines: u64,
}

/// Lines of one run.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) run_uid: Arc<str>,
    pub(super) lines: Vec<LogLine>,
}

/// Whether a batch is to be sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// More may come.
    CanWait,
    /// It is full or the last, or somebody waits for it.
    Now,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or counts it as left out.
    pub(super) fn push(&self, line: Line) {
        self.lock().push(line);
        self.changed.notify_one();
    }

    /// Answers when all lines before this are done with.
    pub(super) fn flush(&self, done: oneshot::Sender<()>) {
        self.lock().flush(done);
        self.changed.notify_one();
    }

    /// Lines that were taken have been sent, or given up.
    pub(super) fn done(&self, lines: usize) {
        self.lock().settle(lines);
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Waits until there is something; `None` when nothing is left and no more will come.
    pub(super) async fn wait(&self) -> Option<Urgency> {
        loop {
            if let Some(found) = self.lock().look() {
                return found;
            }
            self.changed.notified().await;
        }
    }

    /// Waits until what is there is to be sent at once.
    pub(super) async fn urgent(&self) {
        while self.lock().look() == Some(Some(Urgency::CanWait)) {
            self.changed.notified().await;
        }
    }

    /// The next lines of one run.
    pub(super) fn take(&self) -> Option<Batch> {
        self.lock().take()
    }
}

impl State {
    fn push(&mut self, line: Line) {
        let Line { time, origin, stream, line: text, partial } = line;
        // What the runner has to say is little, and says what is missing.
        let is_full = stream != LogStream::System && self.bytes + text.len() + OVERHEAD > MAX_BYTES;
        if is_full {
            let lines = self.dropped.take().map_or(0, |dropped| dropped.lines) + 1;
            self.dropped = Some(Dropped { origin, time, lines });
            return;
        }
        self.tell_dropped();
        self.add(&origin, time, stream, text, partial);
    }

    /// Says what was left out, where it is missing.
    fn tell_dropped(&mut self) {
        let Some(Dropped { origin, time, lines }) = self.dropped.take() else { return };
        let text = format!(
            "… {lines} lines left out here: they came faster than the api-server took them; `kubectl logs` has them"
        );
        self.add(&origin, time, LogStream::System, text, false);
    }

    fn add(&mut self, origin: &Origin, time: Timestamp, stream: LogStream, line: String, partial: bool) {
        let next = self.next.entry(Arc::clone(&origin.run_uid)).or_default();
        let seq = *next;
        *next += 1;
        self.bytes += line.len() + OVERHEAD;
        self.added += 1;
        let step = origin.step.to_string();
        let (item, attempt) = (origin.item, origin.attempt);
        let line = LogLine { seq, time: time.to_string(), step, item, attempt, stream, line, partial };
        self.lines.push_back((Arc::clone(&origin.run_uid), line));
    }

    fn flush(&mut self, done: oneshot::Sender<()>) {
        self.flushes.push_back((self.added, done));
        self.settle(0);
    }

    fn settle(&mut self, lines: usize) {
        self.done += u64::try_from(lines).unwrap_or_default();
        let done = self.done;
        while let Some((_, waiting)) = self.flushes.pop_front_if(|(lines, _)| *lines <= done) {
            // Who waits may have given up.
            let _ = waiting.send(());
        }
    }

    /// Outer `None`: nothing to do yet. Inner `None`: nothing to do any more.
    #[expect(clippy::option_option, reason = "not yet and never again are two things")]
    fn look(&self) -> Option<Option<Urgency>> {
        let full = self.bytes >= BATCH_BYTES || self.lines.len() >= MAX_LOG_LINES;
        match (self.lines.is_empty(), full || self.is_closed || !self.flushes.is_empty()) {
            (true, _) => self.is_closed.then_some(None),
            (false, true) => Some(Some(Urgency::Now)),
            (false, false) => Some(Some(Urgency::CanWait)),
        }
    }

    fn take(&mut self) -> Option<Batch> {
        let (run_uid, first) = self.lines.pop_front()?;
        let mut bytes = first.line.len() + OVERHEAD;
        let mut lines = vec![first];
        while lines.len() < MAX_LOG_LINES && bytes < BATCH_BYTES {
            let Some((_, line)) = self.lines.pop_front_if(|(uid, _)| *uid == run_uid) else { break };
            bytes += line.line.len() + OVERHEAD;
            lines.push(line);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        // There is room now, and there may be no further line.
        self.tell_dropped();
        Some(Batch { run_uid, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(run: &str, text: &str) -> Line {
        let origin = Origin {
            run: run.into(),
            run_uid: format!("{run}-uid").into(),
            step: "fetch".into(),
            item: None,
            attempt: 1,
        };
        let time = "2026-11-24T10:00:00Z".parse().unwrap();
        Line { time, origin, stream: LogStream::Stdout, line: text.into(), partial: false }
    }

    fn batch(queue: &Queue) -> (String, Vec<(u64, String)>) {
        let Batch { run_uid, lines } = queue.take().unwrap();
        (run_uid.to_string(), lines.into_iter().map(|line| (line.seq, line.line)).collect())
    }

    /// Lines of one run are shown with another, or twice under one number.
    #[test]
    fn a_batch_is_of_one_run_and_numbered_without_gaps() {
        let queue = Queue::default();
        for (run, text) in [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")] {
            queue.push(line(run, text));
        }
        assert_eq!(batch(&queue), ("a-uid".into(), vec![(0, "1".into()), (1, "2".into())]));
        assert_eq!(batch(&queue), ("b-uid".into(), vec![(0, "3".into())]));
        assert_eq!(batch(&queue), ("a-uid".into(), vec![(2, "4".into())]));
    }

    /// A step that prints while the api-server is away fills the runner's memory, or lines vanish without a word.
    #[test]
    fn what_does_not_fit_is_counted_where_it_is_missing() {
        let queue = Queue::default();
        let long = "x".repeat(16 * 1024);
        (0..100).for_each(|_| queue.push(line("a", &long)));
        queue.push(Line { stream: LogStream::System, ..line("a", "a note") });
        (0..7).for_each(|_| queue.push(line("a", &long)));
        let mut taken = Vec::new();
        while let Some(batch) = queue.take() {
            taken.extend(batch.lines);
        }
        assert!(taken.len() < 100, "{}", taken.len());
        let said: Vec<&str> = taken.iter().map(|line| line.line.as_str()).filter(|it| *it != long).collect();
        assert!(said[0].contains("37 lines left out"), "{}", said[0]);
        assert_eq!(said[1], "a note");
        // Told although no line comes after it.
        assert!(said[2].contains("7 lines left out"), "{}", said[2]);
        let numbers = taken.iter().map(|line| line.seq);
        assert!(numbers.eq(0..u64::try_from(taken.len()).unwrap()));
    }
}
