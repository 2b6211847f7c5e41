//! Where a document that changes something can begin.

use async_graphql::{Context, ID, InputObject, Json, Object, OneofObject, Result, SimpleObject};
use crds::run::ReuseFrom;
use serde_json::Value;

use super::{
    error::{UserError, of_mutation},
    global_id::Kind,
    objects::{CancellationMode, WorkflowRun},
    request::Caller,
};
use crate::{
    app::{
        self,
        runs::{Decide, Rerun, RunName, Start},
    },
    auth::Membership,
    store::Run,
};

/// What can be changed.
pub(crate) struct Mutation;

/// A run to start.
#[derive(InputObject)]
pub(super) struct StartWorkflowRunInput {
    /// The id of the workflow.
    workflow_id: ID,
    /// What the run is given, up to 256 KiB; `{}` when absent.
    input: Option<Json<Value>>,
    /// Runs of a higher priority start first; 0 when absent.
    priority: Option<i32>,
    /// 1 to 255 characters: a retry with the same key gets the run that the first try has started.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Given back as it is.
    client_mutation_id: Option<String>,
}

/// What came of starting a run.
#[derive(SimpleObject)]
pub(super) struct StartWorkflowRunPayload {
    /// The run; null where there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// What the user can set right.
    user_errors: Vec<UserError>,
    /// As it was given.
    client_mutation_id: Option<String>,
}

/// A run to stop.
#[derive(InputObject)]
pub(super) struct CancelWorkflowRunInput {
    /// The id of the run.
    workflow_run_id: ID,
    /// How it is to stop.
    mode: CancellationMode,
    /// Given back as it is.
    client_mutation_id: Option<String>,
}

/// What came of stopping a run.
#[derive(SimpleObject)]
pub(super) struct CancelWorkflowRunPayload {
    /// The run; null where there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// What the user can set right.
    user_errors: Vec<UserError>,
    /// As it was given.
    client_mutation_id: Option<String>,
}

/// A decision on what a run asks.
#[derive(InputObject)]
pub(super) struct DecideWorkflowRunInput {
    /// The id of the run.
    workflow_run_id: ID,
    /// The step that asks, or `step/index` of a `forEach`.
    key: String,
    /// Whether it is approved.
    approved: bool,
    /// What is filled in, by the approval's schema; `{}` when absent.
    input: Option<Json<Value>>,
    /// Given back as it is.
    client_mutation_id: Option<String>,
}

/// What came of a decision.
#[derive(SimpleObject)]
pub(super) struct DecideWorkflowRunPayload {
    /// The run; null where there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// What the user can set right.
    user_errors: Vec<UserError>,
    /// As it was given.
    client_mutation_id: Option<String>,
}

/// A run to run again.
#[derive(InputObject)]
pub(super) struct RerunWorkflowRunInput {
    /// The id of the earlier run.
    workflow_run_id: ID,
    /// From where; everything runs again when absent.
    from: Option<RerunFrom>,
    /// 1 to 255 characters: a retry with the same key gets the run that the first try has started.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Given back as it is.
    client_mutation_id: Option<String>,
}

/// From where a run is repeated; the outputs of the other steps are taken over.
#[derive(OneofObject)]
pub(super) enum RerunFrom {
    /// `true`: what did not succeed runs again.
    Failed(bool),
    /// These steps run again, with all that depend on them.
    Steps(Vec<String>),
}

/// What came of running again.
#[derive(SimpleObject)]
pub(super) struct RerunWorkflowRunPayload {
    /// The new run; null where there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// What the user can set right.
    user_errors: Vec<UserError>,
    /// As it was given.
    client_mutation_id: Option<String>,
}

/// What can be changed.
#[Object]
impl Mutation {
    /// Starts a run.
    async fn start_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: StartWorkflowRunInput,
    ) -> Result<StartWorkflowRunPayload> {
        let StartWorkflowRunInput { workflow_id, input, priority, idempotency_key, client_mutation_id } =
            input;
        let (caller, tenant) = (Caller::of(ctx)?, Caller::of(ctx)?.tenant()?);
        let email = &caller.principal.email;
        let start = |workflow| Start {
            workflow,
            input: input.map_or_else(|| serde_json::json!({}), |Json(input)| input),
            priority,
            name: name(tenant, email, idempotency_key.as_deref()),
            requested_by: email.clone(),
        };
        let result = match Kind::Workflow.decode(&workflow_id) {
            Some(workflow) => app::runs::start(caller.state, tenant.scope, start(workflow)).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = outcome(result)?;
        Ok(StartWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Asks a run to stop. Asking twice in the same way is asking once.
    async fn cancel_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: CancelWorkflowRunInput,
    ) -> Result<CancelWorkflowRunPayload> {
        let CancelWorkflowRunInput { workflow_run_id, mode, client_mutation_id } = input;
        let (caller, tenant) = (Caller::of(ctx)?, Caller::of(ctx)?.tenant()?);
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(id) => app::runs::cancel(caller.state, tenant.scope, id, mode.into()).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = outcome(result)?;
        Ok(CancelWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Decides on what a run asks. A decision comes once.
    async fn decide_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: DecideWorkflowRunInput,
    ) -> Result<DecideWorkflowRunPayload> {
        let DecideWorkflowRunInput { workflow_run_id, key, approved, input, client_mutation_id } = input;
        let (caller, tenant) = (Caller::of(ctx)?, Caller::of(ctx)?.tenant()?);
        let (by, roles) = (caller.principal.email.clone(), caller.principal.roles.clone());
        let decide = Decide { key, approved, input: input.map(|Json(input)| input), by, roles };
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(id) => app::runs::decide(caller.state, tenant.scope, id, decide).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = outcome(result)?;
        Ok(DecideWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Runs a run again, with the same input: wholly, or from the middle.
    async fn rerun_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: RerunWorkflowRunInput,
    ) -> Result<RerunWorkflowRunPayload> {
        let RerunWorkflowRunInput { workflow_run_id, from, idempotency_key, client_mutation_id } = input;
        let (caller, tenant) = (Caller::of(ctx)?, Caller::of(ctx)?.tenant()?);
        let requested_by = caller.principal.email.clone();
        let name = name(tenant, &requested_by, idempotency_key.as_deref());
        let from = from.and_then(|from| match from {
            RerunFrom::Failed(failed) => failed.then(|| ReuseFrom::Keyword("Failed".to_owned())),
            RerunFrom::Steps(steps) => Some(ReuseFrom::Steps(steps)),
        });
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(run) => {
                let rerun = Rerun { run, from, name, requested_by };
                app::runs::rerun(caller.state, tenant.scope, rerun).await
            }
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = outcome(result)?;
        Ok(RerunWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }
}

fn name(tenant: &Membership, email: &str, key: Option<&str>) -> RunName {
    match key {
        Some(key) => RunName::of_key(tenant.scope.tenant_id(), email, key),
        None => RunName::of_request(telemetry::ids::uuid_v7()),
    }
}

fn outcome(result: Result<Run, app::Error>) -> Result<(Option<WorkflowRun>, Vec<UserError>)> {
    match result {
        Ok(run) => Ok((Some(WorkflowRun(run)), Vec::new())),
        Err(error) => Ok((None, of_mutation(error)?)),
    }
}
