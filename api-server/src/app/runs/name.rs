//! Names of runs that are started through the API.

use crds::names::{api_run, digest};
use uuid::Uuid;

use crate::store::Workflow;

/// Length of the digest of a request, as long as a name needs.
const DIGITS: usize = 64;

/// What distinguishes a run from others of its workflow; its name derives from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(String);

impl RunName {
    /// Derives the name from a caller's idempotency key, so that a retry finds the run of the first request even if the
    /// key was not stored.
    #[must_use]
    pub fn from_key(tenant: Uuid, principal: &str, key: &str) -> Self {
        Self(digest(&[&tenant.to_string(), principal, key], DIGITS))
    }

    /// Derives a unique name from the id of a request without a key.
    #[must_use]
    pub fn from_request_id(id: Uuid) -> Self {
        Self(digest(&[&id.to_string()], DIGITS))
    }

    /// Returns the complete name of a run of a workflow.
    pub(super) fn for_workflow(&self, workflow: &Workflow) -> String {
        api_run(&workflow.name, &workflow.id.to_string(), &self.0)
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
}
