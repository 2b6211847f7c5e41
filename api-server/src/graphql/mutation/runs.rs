//! Mutations of runs.

use async_graphql::{Context, ID, InputObject, Json, Object, OneofObject, Result, SimpleObject};
use crds::run::ReuseFrom;
use serde_json::Value;

use crate::{
    app::{
        self,
        idempotency::{Claim, IdempotencyKey, KeyedAction},
        runs::{Decide, Rerun, RunName, Start},
    },
    auth::Membership,
    graphql::{
        error::{UserError, invalid_parameter, user_errors},
        global_id::Kind,
        objects::{CancellationMode, WorkflowRun},
        request::Caller,
    },
    store::Run,
};

/// Mutations of runs.
#[derive(Default)]
pub(super) struct RunMutations;

/// Input of `startWorkflowRun`.
#[derive(InputObject)]
pub(super) struct StartWorkflowRunInput {
    /// ID of the workflow.
    workflow_id: ID,
    /// Input of the run, at most 256 KiB as compact JSON. It must match the input schema of the workflow. Default:
    /// `{}`.
    input: Option<Json<Value>>,
    /// Priority of the run in the queue of its tenant; -100 to 100, higher values start first. Default: 0.
    priority: Option<i32>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the run that the first
    /// request has started, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for
    /// another run fails with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `startWorkflowRun`.
#[derive(SimpleObject)]
pub(super) struct StartWorkflowRunPayload {
    /// The run in its current state. Null if there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Input of `cancelWorkflowRun`.
#[derive(InputObject)]
pub(super) struct CancelWorkflowRunInput {
    /// ID of the run.
    workflow_run_id: ID,
    /// Cancellation mode.
    mode: CancellationMode,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `cancelWorkflowRun`.
#[derive(SimpleObject)]
pub(super) struct CancelWorkflowRunPayload {
    /// The run in its current state. Null if there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Input of `decideWorkflowRun`.
#[derive(InputObject)]
pub(super) struct DecideWorkflowRunInput {
    /// ID of the run.
    workflow_run_id: ID,
    /// Name of the approval step, or `step/index` for an item of a `forEach` step; the index starts at 0.
    key: String,
    /// True to approve, false to reject.
    approved: bool,
    /// Input of the approver. It must match the schema of the approval if `approved` is true. Default: `{}`.
    input: Option<Json<Value>>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `decideWorkflowRun`.
#[derive(SimpleObject)]
pub(super) struct DecideWorkflowRunPayload {
    /// The run in its current state. Null if there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Input of `rerunWorkflowRun`.
#[derive(InputObject)]
pub(super) struct RerunWorkflowRunInput {
    /// ID of the earlier run.
    workflow_run_id: ID,
    /// Steps to execute again. By default, all steps are executed again.
    from: Option<RerunFrom>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the run that the first
    /// request has started, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for
    /// another run fails with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Selection of the steps that a rerun executes again. It reuses the outputs of all other steps. The earlier run must
/// have finished.
#[derive(OneofObject)]
pub(super) enum RerunFrom {
    /// True to execute again the steps that did not succeed, false to execute all steps again.
    Failed(bool),
    /// Names of the steps to execute again, together with all steps that depend on them.
    Steps(Vec<String>),
}

/// Payload of `rerunWorkflowRun`.
#[derive(SimpleObject)]
pub(super) struct RerunWorkflowRunPayload {
    /// The new run in its current state. Null if there are user errors.
    workflow_run: Option<WorkflowRun>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Input of `deleteWorkflowRun`.
#[derive(InputObject)]
pub(super) struct DeleteWorkflowRunInput {
    /// ID of the run.
    workflow_run_id: ID,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `deleteWorkflowRun`.
#[derive(SimpleObject)]
pub(super) struct DeleteWorkflowRunPayload {
    /// ID of the deleted run. Null if there are user errors.
    deleted_workflow_run_id: Option<ID>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Mutations of runs.
#[Object]
impl RunMutations {
    /// Starts a run of a workflow. Requires the permission `workflow.run.create`.
    ///
    /// User errors: `NOT_FOUND`, `SCHEMA`, `TOO_DEEP`, `TOO_LARGE`, `WORKFLOW_ARCHIVED`, `TENANT_SUSPENDED`,
    /// `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_IN_FLIGHT`; if the workflow is not valid, the codes of its problems.
    async fn start_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: StartWorkflowRunInput,
    ) -> Result<StartWorkflowRunPayload> {
        let StartWorkflowRunInput { workflow_id, input, priority, idempotency_key, client_mutation_id } =
            input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let email = &caller.principal.email;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let result = match Kind::Workflow.decode(&workflow_id) {
            Some(workflow) => {
                let input = input.map_or_else(|| serde_json::json!({}), |Json(input)| input);
                let action = KeyedAction::StartRun { workflow, input: &input, priority };
                let claim = Claim::new(tenant.scope, email, key.clone(), &action);
                let (name, requested_by) = (run_name(tenant, email, key.as_ref()), email.clone());
                let start = Start { workflow, input, priority, name, requested_by };
                Box::pin(submit(&caller, claim, app::runs::start(caller.app, tenant.scope, start))).await
            }
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = run_or_user_errors(result)?;
        Ok(StartWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Cancels a run. The call is idempotent: repeating it with the same mode has no further effect. A run that is being
    /// cancelled with `GRACEFUL` can be cancelled with `NOW`. Requires the permission `workflow.run.cancel`.
    ///
    /// User errors: `NOT_FOUND`, `RUN_FINISHED`, `CANCELLATION_FIXED`, `TENANT_SUSPENDED`.
    async fn cancel_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: CancelWorkflowRunInput,
    ) -> Result<CancelWorkflowRunPayload> {
        let CancelWorkflowRunInput { workflow_run_id, mode, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(id) => Box::pin(app::runs::cancel(caller.app, tenant.scope, id, mode.into())).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = run_or_user_errors(result)?;
        Ok(CancelWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Approves or rejects an approval step that a run waits for. A decision is final. Requires the permission
    /// `workflow.run.decide`, and a role that the approval step accepts.
    ///
    /// User errors: `NOT_FOUND`, `UNKNOWN_STEP`, `FORBIDDEN`, `NOT_WAITING`, `ALREADY_DECIDED`, `SCHEMA`, `TOO_DEEP`,
    /// `RUN_FINISHED`, `TENANT_SUSPENDED`.
    async fn decide_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: DecideWorkflowRunInput,
    ) -> Result<DecideWorkflowRunPayload> {
        let DecideWorkflowRunInput { workflow_run_id, key, approved, input, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let (by, roles) = (caller.principal.email.clone(), caller.principal.roles.clone());
        let decide = Decide { key, approved, input: input.map(|Json(input)| input), by, roles };
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(id) => Box::pin(app::runs::decide(caller.app, tenant.scope, id, decide)).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = run_or_user_errors(result)?;
        Ok(DecideWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Starts a new run with the workflow and the input of an earlier run. Requires the permission
    /// `workflow.run.rerun`.
    ///
    /// User errors: `NOT_FOUND`, `RUN_UNFINISHED`, `WORKFLOW_GONE`, `WORKFLOW_ARCHIVED`, `SCHEMA`, `TOO_DEEP`,
    /// `UNKNOWN_STEP`, `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_IN_FLIGHT`.
    async fn rerun_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: RerunWorkflowRunInput,
    ) -> Result<RerunWorkflowRunPayload> {
        let RerunWorkflowRunInput { workflow_run_id, from, idempotency_key, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let requested_by = caller.principal.email.clone();
        let name = run_name(tenant, &requested_by, key.as_ref());
        let from = from.and_then(RerunFrom::reuse);
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(run) => {
                let action = KeyedAction::RerunRun { run, from: from.as_ref() };
                let claim = Claim::new(tenant.scope, &requested_by, key, &action);
                let rerun = Rerun { run, from, name, requested_by };
                Box::pin(submit(&caller, claim, app::runs::rerun(caller.app, tenant.scope, rerun))).await
            }
            None => Err(app::Error::NotFound),
        };
        let (workflow_run, user_errors) = run_or_user_errors(result)?;
        Ok(RerunWorkflowRunPayload { workflow_run, user_errors, client_mutation_id })
    }

    /// Deletes a finished run with its record and its log. Requires the permission `workflow.run.delete`.
    ///
    /// User errors: `NOT_FOUND`, `RUN_UNFINISHED`, `RUN_IN_USE` if an unfinished run needs it, `TENANT_SUSPENDED`.
    async fn delete_workflow_run(
        &self,
        ctx: &Context<'_>,
        input: DeleteWorkflowRunInput,
    ) -> Result<DeleteWorkflowRunPayload> {
        let DeleteWorkflowRunInput { workflow_run_id, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let result = match Kind::WorkflowRun.decode(&workflow_run_id) {
            Some(id) => Box::pin(app::runs::delete(caller.app, tenant.scope, id)).await,
            None => Err(app::Error::NotFound),
        };
        let (deleted_workflow_run_id, user_errors) = match result {
            Ok(()) => (Some(workflow_run_id), Vec::new()),
            Err(error) => (None, user_errors(error)?),
        };
        Ok(DeleteWorkflowRunPayload { deleted_workflow_run_id, user_errors, client_mutation_id })
    }
}

impl RerunFrom {
    /// Returns the steps as in the spec of a run; `None` for all of them.
    pub(super) fn reuse(self) -> Option<ReuseFrom> {
        match self {
            Self::Failed(failed) => failed.then(|| ReuseFrom::Keyword("Failed".to_owned())),
            Self::Steps(steps) => Some(ReuseFrom::Steps(steps)),
        }
    }
}

/// Starts a run unless an earlier request with the same key has started it, and returns its current state.
async fn submit(
    caller: &Caller<'_>,
    claim: Claim,
    start: impl Future<Output = Result<Run, app::Error>>,
) -> Result<Run, app::Error> {
    let scope = claim.scope();
    let (id, _) = claim.run(caller.app, async { Ok(start.await?.id) }).await?;
    app::runs::get(caller.app, scope, id).await
}

pub(super) fn parse_key(key: &str) -> Result<IdempotencyKey> {
    IdempotencyKey::new(key).ok_or_else(|| invalid_parameter("idempotencyKey must have 1 to 255 bytes"))
}

fn run_name(tenant: &Membership, email: &str, key: Option<&IdempotencyKey>) -> RunName {
    match key {
        Some(key) => RunName::from_key(tenant.scope.tenant_id(), email, key.as_str()),
        None => RunName::from_request_id(telemetry::ids::uuid_v7()),
    }
}

fn run_or_user_errors(result: Result<Run, app::Error>) -> Result<(Option<WorkflowRun>, Vec<UserError>)> {
    match result {
        Ok(run) => Ok((Some(WorkflowRun(run)), Vec::new())),
        Err(error) => Ok((None, user_errors(error)?)),
    }
}
