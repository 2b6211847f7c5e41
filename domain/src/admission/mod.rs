//! Admission: the decision which queued runs start now.
//!
//! Runs start in weighted round robin over tenants: the next run is one of the tenant with the fewest running runs in
//! proportion to its weight. Within a tenant, the run with the highest priority starts first, then the oldest. So a
//! busy tenant cannot delay another one. How many runs start is limited for each tenant and each concurrency group; there
//! is no limit over all tenants. The same input always gives the same decision, so two operators that act at the same time
//! decide alike.

mod decide;
mod unfinished;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crds::run::QueueReason;
use jiff::Timestamp;

pub use decide::decide;
pub use unfinished::{UnfinishedRuns, UnfinishedRunsExceeded};

/// Limits and counters of a tenant that has queued runs.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Slug of the tenant.
    pub name: String,
    /// Whether runs of the tenant may start.
    pub guard: TenantGuard,
    /// Weight of the tenant in the round robin; at least 1.
    pub weight: u32,
    /// `limits.concurrentRuns` of the plan; `None` means unlimited.
    pub concurrent_runs: Option<u32>,
    /// Number of the tenant's runs that hold a slot.
    pub running: u32,
    /// `limits.runsPerDay` of the plan; `None` means unlimited.
    pub runs_per_day: Option<u32>,
    /// Number of the tenant's runs that were admitted since midnight UTC.
    pub runs_today: u32,
    /// Name of the plan, for messages.
    pub plan: String,
}

/// Whether runs of a tenant may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantGuard {
    /// Runs may start.
    Open,
    /// No run may start: the tenant is suspended, archived or not ready. Holds that state as a word for messages, such
    /// as `suspended`.
    Closed(String),
}

/// A run that waits for admission.
#[derive(Clone, Debug)]
pub struct QueuedRun {
    /// `metadata.uid`.
    pub uid: String,
    /// Slug of the run's tenant.
    pub tenant: String,
    /// `metadata.creationTimestamp`.
    pub created_at: Timestamp,
    /// `spec.priority`: runs with a higher priority start first within the tenant.
    pub priority: i32,
    /// Whether the run was admitted before and continues after a suspension. Such a run does not count towards
    /// `runsPerDay` again.
    pub is_resumed: bool,
    /// Concurrency group of the run, if its workflow has `concurrency`.
    pub group: Option<ConcurrencyGroup>,
}

impl QueuedRun {
    /// Returns the key by which the queued runs of a tenant are ordered: the run with the lowest key starts first.
    #[must_use]
    pub fn order(&self) -> (Reverse<i32>, Timestamp, &str) {
        (Reverse(self.priority), self.created_at, &self.uid)
    }
}

/// Concurrency group of a run, from the `concurrency` of its workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyGroup {
    /// UID of the workflow and value of `concurrency.key`. Runs with the same key share the limit.
    pub key: String,
    /// `concurrency.limit`: maximum number of runs of the group that run at the same time.
    pub limit: u32,
}

/// Decision on one queued run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// UID of the run.
    pub uid: String,
    /// Whether the run starts or waits.
    pub verdict: Verdict,
}

/// Whether a run starts or waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The run starts now.
    Admit,
    /// The run waits. The fields are written to `status.queue`.
    Wait {
        /// Position among the waiting runs of the tenant, starting at 1.
        position: u32,
        /// Machine-readable reason.
        reason: QueueReason,
        /// Human-readable reason that states the limit and the current number.
        message: String,
    },
}

/// Input of the decision.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Tenants, in any order. A queued run whose tenant is absent waits.
    pub tenants: Vec<Tenant>,
    /// Number of running members of each concurrency group, by [`ConcurrencyGroup::key`]; absent means 0.
    pub group_running: BTreeMap<String, u32>,
    /// Queued runs, in any order.
    pub queued: Vec<QueuedRun>,
}

#[cfg(test)]
mod tests;
