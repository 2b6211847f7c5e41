//! The items of a `forEach` step, and what steps and items wait for.

use async_graphql::{Json, SimpleObject};
use crds::run;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::Value;

use crate::{
    app::enum_names::{serde_name, upper_snake},
    graphql::scalars::DateTime,
};

/// Reason why a step or an item is suspended.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunStepWaiting")]
pub(in crate::graphql) struct Waiting {
    /// Kind of event that the step waits for: `APPROVAL`, `TIME` or `RUN`; more may be added.
    r#for: String,
    /// Message to the approvers. Null unless the step waits for an approval.
    message: Option<String>,
    /// Roles that may decide. Empty if every user with the permission `workflow.run.decide` may decide.
    roles: Vec<String>,
    /// Name of the run that the step waits for. Null unless the step waits for a run.
    run: Option<String>,
    /// Last decision that was refused because of its input, after which another decision can be made. Null if none was.
    refused: Option<RefusedDecision>,
}

/// Decision that was refused because its input does not match the schema of the approval.
#[derive(SimpleObject)]
pub(in crate::graphql) struct RefusedDecision {
    /// User who made the decision.
    by: Option<String>,
    /// Violations of the schema.
    message: String,
}

/// Progress of the items of a `forEach` step.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunStepItems")]
pub(in crate::graphql) struct Items {
    /// Total number of items.
    total: u32,
    /// Number of items that succeeded.
    succeeded: u32,
    /// Number of items that failed.
    failed: u32,
    /// Indexes of the finished items as ranges, starting at 0, such as `0-412,414`.
    done: String,
    /// Items that have started and not finished.
    active: Vec<ActiveItem>,
    /// Errors of the first 20 items that failed.
    failures: Vec<ItemFailure>,
}

/// Item that has started and not finished.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunStepActiveItem")]
pub(in crate::graphql) struct ActiveItem {
    /// Index of the item, starting at 0.
    index: u32,
    /// Name of the item by the step's `forEach.label`. Null if it has none.
    label: Option<String>,
    /// Number of the current or last attempt, starting at 1. 0 if no attempt has started.
    attempt: u32,
    /// Time at which the first attempt started. Null until then.
    started_at: Option<DateTime>,
    /// Time at which the item continues by itself: its next attempt starts, or its wait ends.
    next_at: Option<DateTime>,
    /// Reason why the item is suspended. Null unless it is.
    waiting: Option<Waiting>,
}

/// Item that failed.
#[derive(SimpleObject)]
#[graphql(name = "WorkflowRunStepItemFailure")]
pub(in crate::graphql) struct ItemFailure {
    /// Index of the item, starting at 0.
    index: u32,
    /// Name of the item by the step's `forEach.label`. Null if it has none.
    label: Option<String>,
    /// Kind of the error: `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`; more may be added.
    kind: String,
    /// Machine-readable code of the error; more may be added.
    code: String,
    /// Human-readable explanation of the error.
    message: String,
    /// Details that depend on the code, such as a traceback or the beginning of a response body. Null for later failures.
    details: Option<Json<Value>>,
}

impl From<run::Waiting> for Waiting {
    fn from(run::Waiting { reason, message, roles, run, refused }: run::Waiting) -> Self {
        let refused = refused
            .map(|run::RefusedDecision { message, by, generation: _ }| RefusedDecision { by, message });
        Self { r#for: upper_snake(&serde_name(&reason)), message, roles, run, refused }
    }
}

impl From<run::ItemsStatus> for Items {
    fn from(items: run::ItemsStatus) -> Self {
        let run::ItemsStatus { total, succeeded, failed, done, active, failures, .. } = items;
        let active = active.into_iter().map(ActiveItem::from).collect();
        let failures = failures.into_iter().map(ItemFailure::from).collect();
        Self { total, succeeded, failed, done, active, failures }
    }
}

impl From<run::ActiveItem> for ActiveItem {
    fn from(item: run::ActiveItem) -> Self {
        let run::ActiveItem { index, label, attempt, started_at, next_at, waiting, .. } = item;
        let time = |MicroTime(time): MicroTime| DateTime(time);
        let (started_at, next_at) = (started_at.map(time), next_at.map(time));
        Self { index, label, attempt, started_at, next_at, waiting: waiting.map(Waiting::from) }
    }
}

impl From<run::ItemFailure> for ItemFailure {
    fn from(run::ItemFailure { index, kind, code, message, label, details }: run::ItemFailure) -> Self {
        let kind = upper_snake(&serde_name(&kind));
        Self { index, label, kind, code, message, details: details.map(Json) }
    }
}
