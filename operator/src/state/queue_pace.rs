//! Pace at which the runs of each tenant are queued.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Number of runs of a tenant that are queued in a second. With the four requests of each, this is a fifth of what the API server
/// of a control plane with two cores answers (`cargo xtask bench neighbours`, attack `runs-by-kubectl`).
const QUEUED_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");

/// Pace at which the runs of each tenant are queued. It takes some hundred bytes for each tenant that was ever paced.
pub(crate) struct QueuePace(DefaultKeyedRateLimiter<String>);

impl QueuePace {
    /// Returns whether another run of a tenant may be queued now, and counts it if so.
    pub(crate) fn admits(&self, tenant: &str) -> bool {
        self.0.check_key(&tenant.to_owned()).is_ok()
    }
}

impl Default for QueuePace {
    fn default() -> Self {
        Self(RateLimiter::keyed(Quota::per_second(QUEUED_PER_SECOND)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pace of one tenant does not slow down another.
    #[test]
    fn each_tenant_has_its_own_pace() {
        let pace = QueuePace::default();
        let admitted = std::iter::repeat_with(|| pace.admits("acme")).take(1000).filter(|admitted| *admitted);
        assert!((20..1000).contains(&admitted.count()));
        assert!(pace.admits("globex"));
    }
}
