//! Which queued runs start now.
//!
//! Weighted round robin over tenants: the next place goes to the tenant that has had the least of its share, counting
//! what it runs already; within a tenant to the run of the highest priority, then the oldest. A busy tenant cannot
//! hold up a quiet one, and the same input always gives the same decision, so two operators decide alike.

mod decide;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use decide::decide;

/// A tenant that has queued runs.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its slug.
    pub name: String,
    /// Whether runs may start.
    pub gate: Gate,
    /// Its share of the queue; at least 1.
    pub weight: u32,
    /// The plan's `limits.concurrentRuns`; none = unlimited.
    pub concurrent_runs: Option<u32>,
    /// Its runs that hold a slot.
    pub running: u32,
    /// The plan's `limits.runsPerDay`; none = unlimited.
    pub runs_per_day: Option<u32>,
    /// Its runs that were admitted today (UTC).
    pub today: u32,
    /// The plan's name, for the message.
    pub plan: String,
}

/// Whether a tenant's runs may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open,
    /// The tenant is suspended, archived, or being set up; with a word for people, as in `suspended`.
    Closed(String),
}

/// A run that waits for its start.
#[derive(Clone, Debug)]
pub struct Queued {
    /// `metadata.uid`.
    pub uid: String,
    /// The slug of its tenant.
    pub tenant: String,
    /// `metadata.creationTimestamp`.
    pub created_at: Timestamp,
    /// `spec.priority`: higher starts first within the tenant.
    pub priority: i32,
    /// Whether it was admitted before and goes on now: it has been counted on its day.
    pub goes_on: bool,
    /// The workflow's concurrency group, if it has one.
    pub group: Option<GroupMember>,
}

/// A run's place in its workflow's `concurrency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The workflow (its uid) and the value of `concurrency.key`: what makes runs exclude each other.
    pub key: String,
    /// `concurrency.limit`: how many of the group may run at once.
    pub limit: u32,
}

/// What is decided on one queued run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which run.
    pub uid: String,
    /// Start or wait.
    pub verdict: Verdict,
}

/// Start or wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The run starts now.
    Admit,
    /// The run waits; all of it goes to `status.queue`.
    Wait {
        /// From 1, among the waiting runs of its tenant.
        position: u32,
        /// What it waits for.
        reason: Reason,
        /// The same, for people, with the numbers.
        message: String,
    },
}

/// Why a run waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The tenant may start nothing now.
    TenantNotActive,
    /// The plan's `concurrentRuns` is reached.
    PlanConcurrency,
    /// The plan's `runsPerDay` is reached.
    PlanRunsPerDay,
    /// The workflow's `concurrency.limit` is reached.
    WorkflowConcurrency,
    /// All places are taken by other tenants' runs.
    ClusterConcurrency,
}

impl Reason {
    /// The word in `status.queue.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TenantNotActive => "TenantNotActive",
            Self::PlanConcurrency => "PlanConcurrency",
            Self::PlanRunsPerDay => "PlanRunsPerDay",
            Self::WorkflowConcurrency => "WorkflowConcurrency",
            Self::ClusterConcurrency => "ClusterConcurrency",
        }
    }
}

/// Everything that the decision depends on.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Tenants by any order; a queued run of a tenant that is not among them waits.
    pub tenants: Vec<Tenant>,
    /// Running members of each concurrency group, by [`GroupMember::key`]; absent = none.
    pub group_running: BTreeMap<String, u32>,
    /// The queued runs, in any order.
    pub queued: Vec<Queued>,
    /// How many runs may start now over all tenants; none = no bound but the tenants' own.
    pub places: Option<u32>,
}

#[cfg(test)]
mod tests;
