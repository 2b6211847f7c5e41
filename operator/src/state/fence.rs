//! Whether the admission policy that fences runners is known to be in force.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Time that the API server takes at most to apply a changed policy: twice what was measured. A probe before that may be
/// answered by the policy as it was before the change.
const PROPAGATION_TIME: SignedDuration = SignedDuration::from_secs(2);

/// Versions of the policy and of its binding.
type FenceVersion = (String, String);

/// Result of probing the runner fence. It holds until the policy or its binding changes.
#[derive(Debug, Default)]
pub(crate) struct FenceState(Mutex<Option<Observed>>);

/// The fence in the version that was observed last.
#[derive(Debug)]
struct Observed {
    /// `None` if the policy or its binding does not exist.
    version: Option<FenceVersion>,
    /// Time from which on a probe shows whether this version is in force.
    conclusive_at: Timestamp,
    /// Whether a probe has shown that this version is in force.
    is_in_force: bool,
}

/// Knowledge about the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// The fence is in force.
    InForce,
    /// The policy or its binding does not exist.
    Missing,
    /// The policy or its binding was changed a moment ago, or a probe has shown that it is not in force yet.
    Changed,
    /// A probe shows whether the fence is in force.
    Unknown,
}

impl FenceState {
    /// Returns what is known about the fence in this version, which is `None` if the policy or its binding does not exist.
    pub(crate) fn get(&self, version: Option<FenceVersion>, now: Timestamp) -> Fence {
        let mut observed = self.lock();
        if observed.as_ref().is_none_or(|observed| observed.version != version) {
            // The first version has been there for longer than this process, as far as it knows.
            let delay = if observed.is_some() { PROPAGATION_TIME } else { SignedDuration::ZERO };
            let conclusive_at = now.checked_add(delay).unwrap_or(Timestamp::MAX);
            *observed = Some(Observed { version, conclusive_at, is_in_force: false });
        }
        match observed.as_ref() {
            Some(Observed { version: Some(_), is_in_force: true, .. }) => Fence::InForce,
            Some(Observed { version: Some(_), conclusive_at, .. }) if *conclusive_at <= now => Fence::Unknown,
            Some(Observed { version: Some(_), .. }) => Fence::Changed,
            Some(Observed { version: None, .. }) | None => Fence::Missing,
        }
    }

    /// Records that a probe has shown that this version is in force, unless the fence was changed since.
    pub(crate) fn record_in_force(&self, version: Option<&FenceVersion>) {
        if let Some(observed) = self.lock().as_mut().filter(|observed| observed.version.as_ref() == version) {
            observed.is_in_force = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Observed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn version(policy: &str) -> Option<FenceVersion> {
        Some((policy.to_owned(), "1".to_owned()))
    }

    /// A fence that was in force is not trusted any more once its policy or binding was changed or deleted.
    #[test]
    fn a_changed_fence_is_probed_again() {
        let fence = FenceState::default();
        assert_eq!(fence.get(version("1"), second(0)), Fence::Unknown);
        fence.record_in_force(version("1").as_ref());
        assert_eq!(fence.get(version("1"), second(9)), Fence::InForce);
        assert_eq!(fence.get(None, second(10)), Fence::Missing);
        assert_eq!(fence.get(version("1"), second(11)), Fence::Changed, "it was created again");
        assert_eq!(fence.get(version("1"), second(13)), Fence::Unknown);
        fence.record_in_force(version("1").as_ref());
        assert_eq!(fence.get(version("2"), second(14)), Fence::Changed);
    }

    /// The result of a probe does not count for a version that the probe has not reached.
    #[test]
    fn the_result_of_a_probe_counts_for_its_version_only() {
        let fence = FenceState::default();
        fence.get(version("1"), second(0));
        fence.get(version("2"), second(1));
        fence.record_in_force(version("1").as_ref());
        assert_eq!(fence.get(version("2"), second(9)), Fence::Unknown);
        let missing = FenceState::default();
        missing.get(None, second(0));
        missing.record_in_force(None);
        assert_eq!(missing.get(None, second(9)), Fence::Missing);
    }
}
