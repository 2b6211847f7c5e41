//! Limit on how often a message is logged whose cause a client controls.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Limit on a message: it is logged once within an interval.
pub struct LogLimit {
    interval: Duration,
    state: Mutex<State>,
}

struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// Creates the limit of a message.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(State { last: None, suppressed: 0 }) }
    }

    /// Returns the number of messages that were suppressed since the last one, if one may be logged now.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < self.interval) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message that a client causes very often is logged once within the interval, with the number of the others.
    #[test]
    fn a_frequent_message_is_logged_once_in_an_interval() {
        let (limit, start) = (LogLimit::new(Duration::from_secs(10)), Instant::now());
        let logged: Vec<_> = (0..1_000).filter_map(|_| limit.admit_at(start)).collect();
        assert_eq!(logged, [0]);
        let later = start + Duration::from_secs(10);
        assert_eq!(limit.admit_at(later), Some(999));
        assert_eq!(limit.admit_at(later), None);
    }
}
