//! Circuit breaker: a server that fails again and again is left alone for a while, so that callers do not wait for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which requests are no longer sent. One call makes as many attempts.
const MAX_FAILURES: u32 = 5;
/// Time without requests. A search by meaning is degraded for this long after the server has come back.
const OPEN_TIME: Duration = Duration::from_secs(10);

/// State of the requests to one server.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Permits a request, or returns the time until one is permitted. When that time has passed, one request is permitted to find out
    /// whether the server works again.
    pub(super) fn permit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                state.open_until = Some(now + OPEN_TIME);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Records that the server has answered.
    pub(super) fn record_answer(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Records that the server has not answered, or with a failure of its own.
    pub(super) fn record_failure(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= MAX_FAILURES {
            state.open_until = Some(now + OPEN_TIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests stop after some failures in a row, and one after a while finds out whether the server works again.
    #[test]
    fn a_failing_server_is_left_alone() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..MAX_FAILURES {
            assert_eq!(breaker.permit(start), Ok(()));
            breaker.record_failure(start);
        }
        assert_eq!(breaker.permit(start), Err(OPEN_TIME));
        let later = start + OPEN_TIME;
        assert_eq!(breaker.permit(later), Ok(()));
        assert_eq!(breaker.permit(later), Err(OPEN_TIME));
        breaker.record_answer();
        assert_eq!((breaker.permit(later), breaker.permit(later)), (Ok(()), Ok(())));
    }

    /// Failures between answers do not add up.
    #[test]
    fn an_answer_forgets_the_failures() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..3 * MAX_FAILURES {
            breaker.record_failure(start);
            breaker.record_answer();
        }
        assert_eq!(breaker.permit(start), Ok(()));
    }
}
