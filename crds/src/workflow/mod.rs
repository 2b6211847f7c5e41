//! The Workflow kind: an automation of typed steps, in the tenant's namespace. Short name `swf`.

mod actions;
mod http;
mod retry;
mod schedule;
mod spec;
mod status;
mod step;

pub use actions::{
    Action, ApprovalAction, ContainerAction, ExprAction, OnReject, OnTimeout, PythonAction, SearchAction,
    StepResources, SubWorkflowAction, WaitAction,
};
pub use http::{HttpAction, HttpAuth, HttpBasic, HttpMethod, HttpResponse, HttpTls};
pub use retry::{Backoff, ErrorKind, Retry};
pub use schedule::Schedule;
pub use spec::{
    Concurrency, ConcurrencyPolicy, Isolation, SecretRef, Workflow, WorkflowInput, WorkflowRetention,
    WorkflowRunners, WorkflowSecret, WorkflowSpec, WorkflowState,
};
pub use status::{LastRun, Problem, RevisionRef, ScheduleStatus, WorkflowRuns, WorkflowStatus};
pub use step::{ForEach, Step, ValueType};
