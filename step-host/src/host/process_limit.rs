//! Limit of the number of processes, against steps that fork without end.
//!
//! No limit of the kernel is suitable: the limit of a user counts its processes on the whole node, including
//! those of other tenants, and the limit of a container is set by the kubelet. The memory limit ends a fork
//! bomb as well, but the kernel may kill the host instead.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use protocol::host::StepId;

use crate::{processes, step::Step};

/// Interval between two counts while a step runs. A fork bomb starts about a thousand processes in it.
const COUNT_INTERVAL: Duration = Duration::from_millis(250);

/// Periodic check of the number of processes.
pub(super) struct ProcessLimit {
    max: usize,
    counted_at: Option<Instant>,
}

impl ProcessLimit {
    /// Returns a limit of `max` processes in the host.
    pub(super) const fn new(max: usize) -> Self {
        Self { max, counted_at: None }
    }

    /// Returns the time of the next count.
    pub(super) fn next_count_at(&self, now: Instant) -> Instant {
        self.counted_at.map_or(now, |at| at + COUNT_INTERVAL)
    }

    /// Kills the step with the most processes if there are too many and a count is due.
    ///
    /// A step that hides its processes in sessions of their own may cause another one to be killed first; it is killed
    /// after a later count.
    pub(super) fn enforce(&mut self, steps: &mut BTreeMap<StepId, Step>, now: Instant) {
        if steps.is_empty() || self.next_count_at(now) > now {
            return;
        }
        self.counted_at = Some(now);
        if processes::count_visible() <= self.max {
            return;
        }
        let (count, sessions) = processes::count_descendants();
        if count <= self.max {
            return;
        }
        let count_of_step = |step: &Step| step.pid().and_then(|pid| sessions.get(&pid)).copied().unwrap_or(0);
        if let Some(largest) = steps.values_mut().max_by_key(|step| count_of_step(step)) {
            let message = format!("the host had {count} processes; at most {} are allowed", self.max);
            largest.kill_for_process_limit(message, now);
        }
    }
}
