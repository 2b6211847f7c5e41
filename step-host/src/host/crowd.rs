//! Ends a step that makes processes without end.
//!
//! No limit of the kernel's fits: that of a user counts all its processes on the node, other tenants' included, and
//! that of a container is the kubelet's to set. The memory limit ends a fork bomb as well, but may take the host along.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use protocol::host::StepId;

use crate::{step::Step, sweep};

/// How often they are counted while a step runs. Between two looks a bomb makes about a thousand.
const PERIOD: Duration = Duration::from_millis(250);

/// Counts, from time to time.
pub(super) struct Crowd {
    max: usize,
    looked_at: Option<Instant>,
}

impl Crowd {
    /// At most `max` processes may be there.
    pub(super) const fn new(max: usize) -> Self {
        Self { max, looked_at: None }
    }

    /// When to look next.
    pub(super) fn looks_at(&self, now: Instant) -> Instant {
        self.looked_at.map_or(now, |at| at + PERIOD)
    }

    /// Ends the step with the most processes, should there be too many. One that hides them in sessions of their own
    /// may have another ended in its place first; its turn comes at the next look.
    pub(super) fn disperse(&mut self, steps: &mut BTreeMap<StepId, Step>, now: Instant) {
        if steps.is_empty() || self.looks_at(now) > now {
            return;
        }
        self.looked_at = Some(now);
        if sweep::count() <= self.max {
            return;
        }
        let (count, sessions) = sweep::descendants();
        if count <= self.max {
            return;
        }
        let of = |step: &Step| step.pid().and_then(|pid| sessions.get(&pid)).copied().unwrap_or(0);
        if let Some(largest) = steps.values_mut().max_by_key(|step| of(step)) {
            let message = format!("the host had {count} processes; at most {} are allowed", self.max);
            largest.disperse(message, now);
        }
    }
}
