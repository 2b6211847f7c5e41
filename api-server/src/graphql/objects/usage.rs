//! The type `Usage`.

use async_graphql::SimpleObject;

use crate::{app::usage, graphql::scalars::Int64};

/// What the tenant uses of the limits of its plan, by the names of the limits.
#[derive(SimpleObject)]
pub(in crate::graphql) struct Usage {
    /// Name of the tenant's plan.
    plan: String,
    /// Workflows, archived ones included.
    workflows: UsedLimit,
    /// Runs in the cluster: unfinished ones, and finished ones whose object is not deleted yet.
    stored_runs: UsedLimit,
    /// Unfinished runs: running, queued and suspended ones.
    unfinished_runs: UsedLimit,
    /// Queued runs.
    queued_runs: UsedLimit,
    /// Runs that are executed.
    concurrent_runs: UsedLimit,
    /// Size of the inputs of all unfinished runs, in bytes of JSON text.
    stored_input_bytes: UsedLimit,
    /// Size of the outputs of runs in object storage, in bytes.
    storage_bytes: UsedLimit,
    /// Size of the logs of all runs, in bytes; each line counts 100 bytes more than its text.
    log_bytes: UsedLimit,
}

/// Usage of one limit.
#[derive(SimpleObject)]
pub(in crate::graphql) struct UsedLimit {
    /// What is used.
    used: Int64,
    /// Maximum. Null if it is unlimited.
    limit: Option<Int64>,
}

impl From<usage::Usage> for Usage {
    fn from(usage: usage::Usage) -> Self {
        let usage::Usage {
            plan,
            workflows,
            stored_runs,
            unfinished_runs,
            queued_runs,
            concurrent_runs,
            stored_input_bytes,
            storage_bytes,
            log_bytes,
        } = usage;
        Self {
            plan,
            workflows: workflows.into(),
            stored_runs: stored_runs.into(),
            unfinished_runs: unfinished_runs.into(),
            queued_runs: queued_runs.into(),
            concurrent_runs: concurrent_runs.into(),
            stored_input_bytes: stored_input_bytes.into(),
            storage_bytes: storage_bytes.into(),
            log_bytes: log_bytes.into(),
        }
    }
}

impl From<usage::Used> for UsedLimit {
    fn from(usage::Used { used, limit }: usage::Used) -> Self {
        Self { used: Int64(used), limit: limit.map(Int64) }
    }
}
