//! Names of runs that are started through the API.

use crds::names::digest;
use uuid::Uuid;

/// Length of the suffix: 48 bits distinguish the runs of one caller, and the fingerprint of the request detects
/// collisions.
const DIGITS: usize = 12;
/// Maximum length of the prefix. The name is also a label value of at most 63 characters; the suffix and a hyphen need
/// 13 of them.
const MAX_PREFIX: usize = 40;

/// Suffix of a run's name, which distinguishes the run from others of its workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

impl RunName {
    /// Derives the suffix from a caller's idempotency key, so that a retry finds the run of the first request even if
    /// the key was not stored.
    #[must_use]
    pub fn from_key(tenant: Uuid, principal: &str, key: &str) -> Self {
        Self(digest(&[&tenant.to_string(), principal, key], DIGITS))
    }

    /// Derives a unique suffix from the id of a request without a key.
    #[must_use]
    pub fn from_request_id(id: Uuid) -> Self {
        Self(digest(&[&id.to_string()], DIGITS))
    }

    /// Returns the complete name of a run of a workflow.
    pub(super) fn for_workflow(&self, workflow: &str) -> String {
        let prefix: String = workflow.chars().take(MAX_PREFIX).collect();
        format!("{}-{}", prefix.trim_end_matches(['-', '.']), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: Uuid = Uuid::from_u128(1);
    const GLOBEX: Uuid = Uuid::from_u128(2);

    /// A retry yields the same name, and callers with equal keys get different names.
    #[test]
    fn a_key_yields_the_same_name_for_its_owner_only() {
        let name = RunName::from_key(ACME, "anna@acme.example", "order-1");
        assert_eq!(RunName::from_key(ACME, "anna@acme.example", "order-1"), name);
        for other in [
            RunName::from_key(GLOBEX, "anna@acme.example", "order-1"),
            RunName::from_key(ACME, "bert@acme.example", "order-1"),
            RunName::from_key(ACME, "anna@acme.exampleorder", "-1"),
        ] {
            assert_ne!(other, name);
        }
    }

    /// Names of runs are valid label values even for workflows with long names.
    #[test]
    fn a_name_is_a_valid_label_value() {
        let name = RunName::from_request_id(ACME).for_workflow(&("a".repeat(39) + "-and-more"));
        assert_eq!(name.len(), 39 + 1 + 12);
    }
}
