//! Names of runs that the API starts.

use crds::names::digest;
use uuid::Uuid;

/// 48 bits tell apart what one caller starts; the fingerprint of the request tells the rest.
const DIGITS: usize = 12;
/// A run's name becomes a label's value, which has 63 characters; the digest and a hyphen need 13.
const MAX_PREFIX: usize = 40;

/// What tells a run from the others of its workflow: the last part of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

impl RunName {
    /// The name that a caller's idempotency key comes to: a retry finds the run that the first try has made,
    /// even if nobody was left to remember it.
    #[must_use]
    pub fn of_key(tenant: Uuid, principal: &str, key: &str) -> Self {
        Self(digest(&[&tenant.to_string(), principal, key], DIGITS))
    }

    /// A name of its own, for a request without a key.
    #[must_use]
    pub fn of_request(id: Uuid) -> Self {
        Self(digest(&[&id.to_string()], DIGITS))
    }

    /// The whole name of a run of a workflow.
    pub(super) fn of_workflow(&self, workflow: &str) -> String {
        let prefix: String = workflow.chars().take(MAX_PREFIX).collect();
        format!("{}-{}", prefix.trim_end_matches(['-', '.']), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: Uuid = Uuid::from_u128(1);
    const GLOBEX: Uuid = Uuid::from_u128(2);

    /// A retry starts a second run, or one caller gets the run of another.
    #[test]
    fn a_key_always_comes_to_the_same_name_and_only_for_its_owner() {
        let name = RunName::of_key(ACME, "anna@acme.example", "order-1");
        assert_eq!(RunName::of_key(ACME, "anna@acme.example", "order-1"), name);
        for other in [
            RunName::of_key(GLOBEX, "anna@acme.example", "order-1"),
            RunName::of_key(ACME, "bert@acme.example", "order-1"),
            RunName::of_key(ACME, "anna@acme.exampleorder", "-1"),
        ] {
            assert_ne!(other, name);
        }
    }

    /// Kubernetes refuses the runs of workflows with long names.
    #[test]
    fn a_name_is_a_label_whatever_the_workflow_is_called() {
        let name = RunName::of_request(ACME).of_workflow(&("a".repeat(39) + "-and-more"));
        assert_eq!(name.len(), 39 + 1 + 12);
    }
}
