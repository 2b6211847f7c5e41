//! WorkflowRun: one execution of a workflow, in the tenant's namespace. Short name `swr`.

mod phase;
mod spec;
mod status;
mod step;

pub use phase::{RunPhase, StepPhase};
pub use spec::{
    Cancel, Decision, Reuse, ReuseFrom, RunTrigger, TriggerKind, WorkflowRef, WorkflowRun, WorkflowRunSpec,
};
pub use status::{LostRunner, OutputRef, QueueStatus, RunError, RunnerStatus, WorkflowRunStatus};
pub use step::{ItemFailure, ItemsStatus, StepError, StepStatus};
