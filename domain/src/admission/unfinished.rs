//! Limits of a tenant's unfinished runs: their number, and the size of their inputs, which etcd stores again with each write of
//! their status.

use crds::{constants::DEFAULT_STORED_INPUT_BYTES, plan::PlanLimits};

/// Unfinished runs of a tenant, and a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnfinishedRuns {
    /// Number of the unfinished runs without the new one.
    pub runs: u64,
    /// Size of their inputs, in bytes of JSON.
    pub input_bytes: u64,
    /// Size of the input of the new run, in bytes of JSON.
    pub new_input_bytes: u64,
}

/// Limit of a plan that a new run exceeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfinishedRunsExceeded {
    /// The tenant has too many unfinished runs.
    #[error(
        "the tenant has {runs} unfinished runs already, and plan {plan} allows {limit} (unfinishedRuns): wait until some have ended, or cancel them"
    )]
    Runs {
        /// Number of unfinished runs without the new one.
        runs: u64,
        /// Maximum number.
        limit: u32,
        /// Name of the plan.
        plan: String,
    },
    /// The inputs of the unfinished runs are too large.
    #[error(
        "the inputs of the tenant's unfinished runs have {total} bytes with this one of {new} bytes, and plan {plan} allows {limit} (storedInputBytes): wait until some have ended, cancel them, or use smaller inputs"
    )]
    Inputs {
        /// Size of all inputs, in bytes.
        total: u64,
        /// Size of the new input, in bytes.
        new: u64,
        /// Maximum size, in bytes.
        limit: u64,
        /// Name of the plan.
        plan: String,
    },
}

impl UnfinishedRuns {
    /// Checks that a plan permits the new run.
    ///
    /// # Errors
    /// Returns the limit that the new run exceeds.
    pub fn check(self, limits: &PlanLimits, plan: &str) -> Result<(), UnfinishedRunsExceeded> {
        let Self { runs, input_bytes, new_input_bytes } = self;
        let plan = plan.to_owned();
        if let Some(limit) = limits.unfinished_runs.filter(|limit| runs >= u64::from(*limit)) {
            return Err(UnfinishedRunsExceeded::Runs { runs, limit, plan });
        }
        let (total, limit) = (input_bytes.saturating_add(new_input_bytes), max_input_bytes(limits));
        // A run with an empty input is permitted, so that the limit of one kind of run does not stop all others.
        if total > limit && new_input_bytes > 0 {
            return Err(UnfinishedRunsExceeded::Inputs { total, new: new_input_bytes, limit, plan });
        }
        Ok(())
    }
}

fn max_input_bytes(limits: &PlanLimits) -> u64 {
    let limit = limits.stored_input_bytes.as_ref().and_then(|limit| limit.to_milli().ok());
    limit.map_or(DEFAULT_STORED_INPUT_BYTES, |milli| u64::try_from(milli / 1_000).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use crds::Quantity;

    use super::*;

    /// A run beyond a limit is refused with both numbers.
    #[test]
    fn a_run_beyond_a_limit_is_refused_with_both_numbers() {
        let limits = PlanLimits {
            unfinished_runs: Some(2),
            stored_input_bytes: Some(Quantity::new("1Ki")),
            ..PlanLimits::default()
        };
        let runs = |runs, input_bytes, new_input_bytes| UnfinishedRuns { runs, input_bytes, new_input_bytes };
        assert_eq!(runs(1, 1_000, 24).check(&limits, "starter"), Ok(()));
        let message =
            |unfinished: UnfinishedRuns| unfinished.check(&limits, "starter").unwrap_err().to_string();
        let too_many = message(runs(2, 0, 0));
        assert!(too_many.contains("has 2 unfinished") && too_many.contains("starter allows 2"), "{too_many}");
        let too_large = message(runs(1, 1_000, 25));
        assert!(too_large.contains("1025 bytes") && too_large.contains("starter allows 1024"), "{too_large}");
        let none = PlanLimits::default();
        assert_eq!(runs(100_000, DEFAULT_STORED_INPUT_BYTES, 0).check(&none, "starter"), Ok(()));
        assert!(runs(1, DEFAULT_STORED_INPUT_BYTES, 1).check(&none, "starter").is_err());
    }
}
