//! Bounded queue of lines for the api-server, so that an unavailable one neither delays steps nor fills memory.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use protocol::internal::{LogLine, LogStream, MAX_LOG_LINES};
use tokio::sync::{Notify, oneshot};

use crate::logs::record::{LogOrigin, LogRecord};

/// Maximum size of the queue in bytes.
const MAX_QUEUE_BYTES: usize = 1024 * 1024;
/// Size of a batch in bytes. The last line may exceed it.
const BATCH_BYTES: usize = 64 * 1024;
/// Approximate size of a line in addition to its text, in bytes.
const LINE_OVERHEAD_BYTES: usize = 200;

/// Queue of lines in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct ExportQueue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<(Arc<str>, LogLine)>,
    bytes: usize,
    /// Next sequence number of each run. A pod executes one run at a time, so there are few.
    next_seq: BTreeMap<Arc<str>, u64>,
    /// Lines that were dropped since the last line was added.
    dropped: Option<Dropped>,
    /// Waiting callers of `flush`, each with the number of lines that were added before.
    flushes: VecDeque<(u64, oneshot::Sender<()>)>,
    /// Number of lines that were ever added.
    added: u64,
    /// Number of lines that were sent or given up.
    completed: u64,
    is_closed: bool,
}

/// Lines that did not fit into the queue, with the origin and time of the last one.
#[derive(Debug)]
struct Dropped {
    origin: LogOrigin,
    time: Timestamp,
    lines: u64,
}

/// Consecutive lines of one run.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) run_uid: Arc<str>,
    pub(super) lines: Vec<LogLine>,
}

/// Urgency with which the next batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// The batch may wait for further lines.
    CanWait,
    /// The batch is full or the last one, or a caller of `flush` waits for it.
    Now,
}

/// State of the queue as a consumer finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueuePoll {
    Ready(Urgency),
    /// The queue has no lines yet.
    Empty,
    /// The queue has no lines and gets no more.
    Closed,
}

impl ExportQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or counts it as dropped if the queue is full.
    pub(super) fn push(&self, record: LogRecord) {
        self.lock().push(record);
        self.changed.notify_one();
    }

    /// Notifies `done` when all lines added so far are sent or given up.
    pub(super) fn flush(&self, done: oneshot::Sender<()>) {
        self.lock().flush(done);
        self.changed.notify_one();
    }

    /// Records that this many of the taken lines were sent or given up.
    pub(super) fn complete(&self, lines: usize) {
        self.lock().complete(lines);
    }

    /// Marks the queue as closed: no further lines are added.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Waits until the queue has lines. Returns `None` once it is closed and empty.
    pub(super) async fn next_urgency(&self) -> Option<Urgency> {
        loop {
            match self.lock().poll() {
                QueuePoll::Ready(urgency) => return Some(urgency),
                QueuePoll::Closed => return None,
                QueuePoll::Empty => {}
            }
            self.changed.notified().await;
        }
    }

    /// Waits until the next batch should be sent without delay.
    pub(super) async fn until_urgent(&self) {
        while self.lock().poll() == QueuePoll::Ready(Urgency::CanWait) {
            self.changed.notified().await;
        }
    }

    /// Removes and returns the next batch, or `None` if the queue is empty.
    pub(super) fn take(&self) -> Option<Batch> {
        self.lock().take()
    }
}

impl State {
    fn push(&mut self, record: LogRecord) {
        let LogRecord { time, origin, stream, line: text, partial } = record;
        // Messages of the runner are never dropped: they are few, and report omitted lines.
        let is_full =
            stream != LogStream::System && self.bytes + text.len() + LINE_OVERHEAD_BYTES > MAX_QUEUE_BYTES;
        if is_full {
            let lines = self.dropped.take().map_or(0, |dropped| dropped.lines) + 1;
            self.dropped = Some(Dropped { origin, time, lines });
            return;
        }
        self.report_dropped();
        self.add(&origin, time, stream, text, partial);
    }

    /// Adds a line with the number of dropped lines at the place where they are missing.
    fn report_dropped(&mut self) {
        let Some(Dropped { origin, time, lines }) = self.dropped.take() else { return };
        let text = format!(
            "… {lines} lines omitted here: the api-server did not accept them fast enough; `kubectl logs` shows them"
        );
        self.add(&origin, time, LogStream::System, text, false);
    }

    fn add(&mut self, origin: &LogOrigin, time: Timestamp, stream: LogStream, line: String, partial: bool) {
        let next_seq = self.next_seq.entry(Arc::clone(&origin.run_uid)).or_default();
        let seq = *next_seq;
        *next_seq += 1;
        self.bytes += line.len() + LINE_OVERHEAD_BYTES;
        self.added += 1;
        let step = origin.step.to_string();
        let (item, attempt) = (origin.item, origin.attempt);
        let line = LogLine { seq, time: time.to_string(), step, item, attempt, stream, line, partial };
        self.lines.push_back((Arc::clone(&origin.run_uid), line));
    }

    fn flush(&mut self, done: oneshot::Sender<()>) {
        self.flushes.push_back((self.added, done));
        self.complete(0);
    }

    fn complete(&mut self, lines: usize) {
        self.completed += u64::try_from(lines).unwrap_or_default();
        let completed = self.completed;
        while let Some((_, waiting)) = self.flushes.pop_front_if(|(lines, _)| *lines <= completed) {
            // An error means that the caller no longer waits.
            let _ = waiting.send(());
        }
    }

    fn poll(&self) -> QueuePoll {
        let full = self.bytes >= BATCH_BYTES || self.lines.len() >= MAX_LOG_LINES;
        match (self.lines.is_empty(), full || self.is_closed || !self.flushes.is_empty()) {
            (true, _) if self.is_closed => QueuePoll::Closed,
            (true, _) => QueuePoll::Empty,
            (false, true) => QueuePoll::Ready(Urgency::Now),
            (false, false) => QueuePoll::Ready(Urgency::CanWait),
        }
    }

    fn take(&mut self) -> Option<Batch> {
        let (run_uid, first) = self.lines.pop_front()?;
        let mut bytes = first.line.len() + LINE_OVERHEAD_BYTES;
        let mut lines = vec![first];
        while lines.len() < MAX_LOG_LINES && bytes < BATCH_BYTES {
            let Some((_, line)) = self.lines.pop_front_if(|(uid, _)| *uid == run_uid) else { break };
            bytes += line.line.len() + LINE_OVERHEAD_BYTES;
            lines.push(line);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        // The queue has room now, and no further line may follow.
        self.report_dropped();
        Some(Batch { run_uid, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &str, text: &str) -> LogRecord {
        let origin = LogOrigin {
            run: run.into(),
            run_uid: format!("{run}-uid").into(),
            step: "fetch".into(),
            item: None,
            attempt: 1,
        };
        let time = "2026-11-24T10:00:00Z".parse().unwrap();
        LogRecord { time, origin, stream: LogStream::Stdout, line: text.into(), partial: false }
    }

    /// Returns the UID of the run and the numbered lines of the next batch.
    fn next_batch(queue: &ExportQueue) -> (String, Vec<(u64, String)>) {
        let Batch { run_uid, lines } = queue.take().unwrap();
        (run_uid.to_string(), lines.into_iter().map(|line| (line.seq, line.line)).collect())
    }

    /// A batch holds lines of one run only, and the lines of a run are numbered without gaps.
    #[test]
    fn batches_hold_one_run_numbered_without_gaps() {
        let queue = ExportQueue::default();
        for (run, text) in [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")] {
            queue.push(record(run, text));
        }
        assert_eq!(next_batch(&queue), ("a-uid".into(), vec![(0, "1".into()), (1, "2".into())]));
        assert_eq!(next_batch(&queue), ("b-uid".into(), vec![(0, "3".into())]));
        assert_eq!(next_batch(&queue), ("a-uid".into(), vec![(2, "4".into())]));
    }

    /// Lines that do not fit into the queue are dropped, and a line reports their number at the place of the gap.
    #[test]
    fn dropped_lines_are_reported_where_they_are_missing() {
        let queue = ExportQueue::default();
        let long = "x".repeat(16 * 1024);
        (0..100).for_each(|_| queue.push(record("a", &long)));
        queue.push(LogRecord { stream: LogStream::System, ..record("a", "a note") });
        (0..7).for_each(|_| queue.push(record("a", &long)));
        let mut taken = Vec::new();
        while let Some(batch) = queue.take() {
            taken.extend(batch.lines);
        }
        assert!(taken.len() < 100, "{}", taken.len());
        let notes: Vec<&str> =
            taken.iter().map(|line| line.line.as_str()).filter(|text| *text != long).collect();
        assert!(notes[0].contains("37 lines omitted"), "{}", notes[0]);
        assert_eq!(notes[1], "a note");
        // The gap is reported although no line follows.
        assert!(notes[2].contains("7 lines omitted"), "{}", notes[2]);
        let numbers = taken.iter().map(|line| line.seq);
        assert!(numbers.eq(0..u64::try_from(taken.len()).unwrap()));
    }
}
