//! The WorkflowRun kind: one execution of a workflow, in the tenant's namespace. Short name `swr`.

mod phase;
mod queue;
mod spec;
mod status;
mod step;

pub use phase::{RunPhase, StepPhase};
pub use queue::QueueReason;
pub use spec::{
    Cancel, Decision, ParentRun, Reuse, ReuseFrom, RunTrigger, TriggerKind, WorkflowRef, WorkflowRun,
    WorkflowRunSpec,
};
pub use status::{
    LostRunner, OutputRef, QueueStatus, ReusedRun, RunConcurrency, RunEnding, RunError, RunnerStatus,
    WorkflowRunStatus,
};
pub use step::{
    ActiveItem, EndReason, ItemBatch, ItemFailure, ItemsStatus, RefusedDecision, StepError, StepStatus,
    Waiting, WaitingFor,
};
