//! Admission: the decision which queued runs start now.
//!
//! Slots are shared by weighted round robin over tenants: the next slot goes to the tenant with the fewest running runs
//! in proportion to its weight. Within a tenant, the run with the highest priority starts first, then the oldest. So a
//! busy tenant cannot delay another one. The same input always gives the same decision, so two operators that act at
//! the same time decide alike.

mod decide;

use std::collections::BTreeMap;

use jiff::Timestamp;
use strum::IntoStaticStr;

pub use decide::decide;

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
        reason: WaitReason,
        /// Human-readable reason that states the limit and the current number.
        message: String,
    },
}

/// Reason why a run waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
pub enum WaitReason {
    /// The tenant is suspended, archived, not ready or does not exist.
    TenantNotActive,
    /// The plan's `concurrentRuns` is reached.
    PlanConcurrency,
    /// The plan's `runsPerDay` is reached.
    PlanRunsPerDay,
    /// The workflow's `concurrency.limit` is reached.
    WorkflowConcurrency,
    /// All slots are in use by runs of other tenants.
    ClusterConcurrency,
}

impl WaitReason {
    /// Returns the value of `status.queue.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
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
    /// Number of runs of all tenants that may start now; `None` means that only the limits of the tenants apply.
    pub free_slots: Option<u32>,
}

#[cfg(test)]
mod tests;
