//! Workflow: typed steps that a tenant automates its work with. Namespaced; short name `swf`.

mod actions;
mod policy;
mod retry;
mod schedule;
mod spec;
mod status;
mod step;

pub use actions::{
    ApprovalAction, ApprovalTimeout, BasicAuth, ContainerAction, ExprAction, HttpAction, HttpAuth,
    HttpMethod, HttpResponse, HttpTls, PythonAction, SearchAction, WaitAction, WorkflowAction,
};
pub use policy::{
    Concurrency, ConcurrencyPolicy, Isolation, LocalSecretRef, WorkflowRetention, WorkflowRunners,
    WorkflowSecret,
};
pub use retry::{Backoff, ErrorKind, Retry};
pub use schedule::Schedule;
pub use spec::{Workflow, WorkflowSpec, WorkflowState};
pub use status::{LastRun, Problem, RevisionStatus, RunCounts, WorkflowStatus};
pub use step::{Action, ForEach, SchemaHolder, Step};
