//! The type `WorkflowRunStep`.

use async_graphql::{Enum, Json, Object};
use crds::run::StepPhase;
use serde_json::Value;

use super::{
    failure::Failure,
    items::{Items, Waiting},
};
use crate::{
    app::{
        enum_names::{serde_name, upper_snake},
        runs,
    },
    graphql::scalars::DateTime,
};

/// Status of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "StepPhase")]
pub(in crate::graphql) enum WorkflowRunStepStatus {
    /// The step has not started, or waits for its next attempt.
    Pending,
    /// An attempt of the step is in progress.
    Running,
    /// The step waits for an approval, a time or another run.
    Suspended,
    /// The step finished successfully.
    Succeeded,
    /// The step failed and is not retried.
    Failed,
    /// The step was skipped because its condition was false or a step that it needs did not succeed.
    Skipped,
    /// The run was cancelled or failed before the step finished.
    Cancelled,
}

/// Step of a run.
pub(in crate::graphql) struct WorkflowRunStep(pub(in crate::graphql) runs::Step);

/// Step of a run.
#[Object]
impl WorkflowRunStep {
    /// Name of the step in the workflow.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Status of the step.
    async fn status(&self) -> WorkflowRunStepStatus {
        self.0.phase.into()
    }

    /// Why the step was skipped or cancelled: `WHEN_FALSE`, `UPSTREAM_FAILED`, `RUN_FAILED`, `RUN_CANCELLED` or `RUN_TIMED_OUT`; more may
    /// be added. Null in other states.
    async fn reason(&self) -> Option<String> {
        self.0.reason.map(|reason| upper_snake(&serde_name(&reason)))
    }

    /// Human-readable explanation of `reason`.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// Number of the current or last attempt, starting at 1. Null until the first attempt.
    async fn attempt(&self) -> Option<i32> {
        self.0.attempt
    }

    /// Time at which the first attempt started. Null until then.
    async fn started_at(&self) -> Option<DateTime> {
        self.0.started_at.map(DateTime)
    }

    /// Time at which the step finished. Null until then.
    async fn finished_at(&self) -> Option<DateTime> {
        self.0.finished_at.map(DateTime)
    }

    /// Time at which the step continues by itself: its next attempt starts, or its wait or approval ends.
    async fn next_at(&self) -> Option<DateTime> {
        self.0.next_at.map(DateTime)
    }

    /// Output of the step. Null until it has succeeded, and if the output is in object storage.
    async fn output(&self) -> Option<Json<&Value>> {
        self.0.output.as_ref().map(Json)
    }

    /// Reference to an output in object storage: `{uri, bytes, sha256, mediaType}`. Null if the output is inline.
    async fn output_ref(&self) -> Option<Json<&Value>> {
        self.0.output_ref.as_ref().map(Json)
    }

    /// Error of the step, or of its last attempt. Null if no attempt failed.
    async fn error(&self) -> Option<Failure> {
        self.0.error.clone().map(Failure::from)
    }

    /// Reason why the step is suspended. Null unless it is.
    async fn waiting(&self) -> Option<Waiting> {
        self.0.waiting.clone().map(Waiting::from)
    }

    /// Progress of the items. Null unless the step is a `forEach` step whose items are known.
    async fn items(&self) -> Option<Items> {
        self.0.items.clone().map(Items::from)
    }
}
