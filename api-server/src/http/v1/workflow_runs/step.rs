//! The JSON representation of a step.

use crds::run;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde::Serialize;
use utoipa::ToSchema;

use super::resource::Failure;
use crate::{
    app::{
        enum_names::{serde_name, upper_snake},
        runs,
    },
    http::v1::{json::AnyJson, time::Time},
};

/// Step of a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Step {
    /// Name of the step in the workflow.
    name: String,
    /// Status of the step: `PENDING`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `SKIPPED` or `CANCELLED`.
    #[schema(example = "SUCCEEDED")]
    status: String,
    /// Why the step was skipped or cancelled: `WHEN_FALSE`, `UPSTREAM_FAILED`, `RUN_FAILED`, `RUN_CANCELLED` or `RUN_TIMED_OUT`; more
    /// may be added. Null in other states.
    #[schema(example = "WHEN_FALSE", required = true)]
    reason: Option<String>,
    /// Human-readable explanation of `reason`.
    #[schema(required = true)]
    message: Option<String>,
    /// Number of the current or last attempt, starting at 1. Null until the first attempt.
    #[schema(minimum = 1, required = true)]
    attempt: Option<i32>,
    /// Time at which the first attempt started. Null until then.
    #[schema(required = true)]
    started_at: Option<Time>,
    /// Time at which the step finished. Null until then.
    #[schema(required = true)]
    finished_at: Option<Time>,
    /// Time at which the step continues by itself: its next attempt starts, or its wait or approval ends.
    #[schema(required = true)]
    next_at: Option<Time>,
    /// Output of the step. Null until it has succeeded, and if the output is in object storage.
    #[schema(value_type = AnyJson, required = true)]
    output: Option<AnyJson>,
    /// Reference to an output in object storage: `{uri, bytes, sha256, mediaType}`. Null if the output is inline.
    #[schema(value_type = Option<Object>, required = true)]
    output_ref: Option<AnyJson>,
    /// Error of the step, or of its last attempt. Null if no attempt failed.
    #[schema(required = true)]
    error: Option<Failure>,
    /// Reason why the step is suspended. Null unless it is.
    #[schema(required = true)]
    waiting: Option<Waiting>,
    /// Progress of the items. Null unless the step is a `forEach` step whose items are known.
    #[schema(required = true)]
    items: Option<Items>,
}

/// Reason why a step or an item is suspended.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Waiting {
    /// Kind of event that the step waits for: `APPROVAL`, `TIME` or `RUN`; more may be added.
    #[schema(example = "APPROVAL")]
    r#for: &'static str,
    /// Message to the approvers. Null unless the step waits for an approval.
    #[schema(required = true)]
    message: Option<String>,
    /// Roles that may decide. Empty if every user with the permission `workflow.run.decide` may decide.
    roles: Vec<String>,
    /// Name of the run that the step waits for. Null unless the step waits for a run.
    #[schema(required = true)]
    run: Option<String>,
    /// Last decision that was refused because of its input, after which another decision can be made. Null if none was.
    #[schema(required = true)]
    refused: Option<RefusedDecision>,
}

/// Decision that was refused because its input does not match the schema of the approval.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RefusedDecision {
    /// User who made the decision.
    #[schema(required = true)]
    by: Option<String>,
    /// Violations of the schema.
    message: String,
}

/// Progress of the items of a `forEach` step.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Items {
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
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ActiveItem {
    /// Index of the item, starting at 0.
    index: u32,
    /// Name of the item by the step's `forEach.label`. Null if it has none.
    #[schema(required = true)]
    label: Option<String>,
    /// Number of the current or last attempt, starting at 1. 0 if no attempt has started.
    attempt: u32,
    /// Time at which the first attempt started. Null until then.
    #[schema(required = true)]
    started_at: Option<Time>,
    /// Time at which the item continues by itself: its next attempt starts, or its wait ends.
    #[schema(required = true)]
    next_at: Option<Time>,
    /// Reason why the item is suspended. Null unless it is.
    #[schema(required = true)]
    waiting: Option<Waiting>,
}

/// Item that failed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ItemFailure {
    /// Index of the item, starting at 0.
    index: u32,
    /// Name of the item by the step's `forEach.label`. Null if it has none.
    #[schema(required = true)]
    label: Option<String>,
    /// Kind of the error: `USER`, `INFRA`, `TIMEOUT`, `SCHEMA` or `POLICY`; more may be added.
    kind: String,
    /// Machine-readable code of the error.
    code: String,
    /// Human-readable explanation of the error.
    message: String,
    /// Details that depend on the code, such as a traceback or the beginning of a response body. Null for later failures.
    #[schema(value_type = AnyJson, required = true)]
    details: Option<AnyJson>,
}

impl From<runs::Step> for Step {
    fn from(step: runs::Step) -> Self {
        let runs::Step {
            name,
            phase,
            reason,
            message,
            attempt,
            started_at,
            finished_at,
            next_at,
            output,
            output_ref,
            error,
            waiting,
            items,
        } = step;
        Self {
            name,
            status: upper_snake(phase.as_str()),
            reason: reason.map(|reason| upper_snake(&serde_name(&reason))),
            message,
            attempt,
            started_at: started_at.map(Into::into),
            finished_at: finished_at.map(Into::into),
            next_at: next_at.map(Into::into),
            output: output.map(Into::into),
            output_ref: output_ref.map(Into::into),
            error: error.map(Into::into),
            waiting: waiting.map(Waiting::from),
            items: items.map(Items::from),
        }
    }
}

impl From<run::Waiting> for Waiting {
    fn from(run::Waiting { reason, message, roles, run, refused }: run::Waiting) -> Self {
        let r#for = match reason {
            run::WaitingFor::Approval => "APPROVAL",
            run::WaitingFor::Time => "TIME",
            run::WaitingFor::Run => "RUN",
        };
        let refused = refused
            .map(|run::RefusedDecision { message, by, generation: _ }| RefusedDecision { by, message });
        Self { r#for, message, roles, run, refused }
    }
}

impl From<run::ItemsStatus> for Items {
    fn from(items: run::ItemsStatus) -> Self {
        let run::ItemsStatus { total, succeeded, failed, done, active, failures, .. } = items;
        Self {
            total,
            succeeded,
            failed,
            done,
            active: active.into_iter().map(ActiveItem::from).collect(),
            failures: failures.into_iter().map(ItemFailure::from).collect(),
        }
    }
}

impl From<run::ActiveItem> for ActiveItem {
    fn from(item: run::ActiveItem) -> Self {
        let run::ActiveItem { index, label, attempt, started_at, next_at, waiting, .. } = item;
        let time = |MicroTime(time): MicroTime| Time::from(time);
        Self {
            index,
            label,
            attempt,
            started_at: started_at.map(time),
            next_at: next_at.map(time),
            waiting: waiting.map(Waiting::from),
        }
    }
}

impl From<run::ItemFailure> for ItemFailure {
    fn from(run::ItemFailure { index, kind, code, message, label, details }: run::ItemFailure) -> Self {
        let kind = upper_snake(&serde_name(&kind));
        Self { index, label, kind, code, message, details: details.map(Into::into) }
    }
}
