//! Whether the cluster enforces network policies, as the last probe has found out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Result of a probe that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
pub(crate) enum Conclusion {
    /// All denied connections were closed.
    Enforced,
    /// A connection was open that the policy of its destination denies.
    IncomingNotEnforced,
    /// A connection was open that the policy of its source denies.
    OutgoingNotEnforced,
    /// Both were open.
    NothingEnforced,
}

/// What is known about the enforcement of network policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// Nothing yet: no probe has ended since the installation.
    #[default]
    NotProbed,
    /// Nothing, for this reason.
    Unknown(&'static str),
    /// What a probe has found out.
    Known(Conclusion),
}

/// Result of the last probe.
#[derive(Debug, Default)]
pub(crate) struct EnforcementState(Mutex<Observed>);

#[derive(Debug, Default)]
struct Observed {
    enforcement: Enforcement,
    /// Time of the last conclusion.
    concluded_at: Option<Timestamp>,
}

impl EnforcementState {
    /// Returns what is known.
    pub(crate) fn get(&self) -> Enforcement {
        self.lock().enforcement
    }

    /// Records the conclusion of a probe at a time.
    pub(crate) fn record(&self, conclusion: Conclusion, at: Timestamp) {
        *self.lock() = Observed { enforcement: Enforcement::Known(conclusion), concluded_at: Some(at) };
    }

    /// Records that a probe has found out nothing. An earlier conclusion stays valid for this time.
    pub(crate) fn record_unknown(&self, reason: &'static str, validity: SignedDuration, now: Timestamp) {
        let mut observed = self.lock();
        let is_valid = |at: Timestamp| now.duration_since(at) < validity;
        if !observed.concluded_at.is_some_and(is_valid) {
            *observed = Observed { enforcement: Enforcement::Unknown(reason), concluded_at: None };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Observed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A probe that finds out nothing, for example since no node has room for it, does not withdraw a conclusion before its
    /// validity ends.
    #[test]
    fn a_conclusion_stays_valid_for_a_while() {
        let (state, day) = (EnforcementState::default(), SignedDuration::from_hours(24));
        let at = |second| Timestamp::from_second(second).unwrap();
        state.record_unknown("no node is ready", day, at(0));
        assert_eq!(state.get(), Enforcement::Unknown("no node is ready"));
        state.record(Conclusion::Enforced, at(1));
        state.record_unknown("no node is ready", day, at(86_400));
        assert_eq!(state.get(), Enforcement::Known(Conclusion::Enforced));
        state.record_unknown("no node is ready", day, at(86_401));
        assert_eq!(state.get(), Enforcement::Unknown("no node is ready"));
    }
}
