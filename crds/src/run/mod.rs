//! WorkflowRun: one run of a workflow. Namespaced; short name `swr`.

mod phase;
mod spec;
mod status;
mod step;

pub use phase::{RunPhase, StepPhase};
pub use spec::{
    CancelMode, Decision, Reuse, ReuseFrom, Trigger, TriggerKind, WorkflowRef, WorkflowRun, WorkflowRunSpec,
};
pub use status::{LostRunner, QueueStatus, RunError, RunRevision, RunnerStatus, WorkflowRunStatus};
pub use step::{ItemFailure, ItemsStatus, OutputRef, StepError, StepStatus};
