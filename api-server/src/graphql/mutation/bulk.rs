//! The same action on up to 100 runs, with a result for each.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use http::StatusCode;
use tokio::time::Instant;

use super::runs::{RerunFrom, parse_key};
use crate::{
    app::{
        self,
        audit::Ending,
        runs::{BulkRuns, MAX_BULK_RUN_DURATION, Report, Requester},
    },
    auth::{Membership, TenantScope},
    graphql::{
        error::{UserError, errors_of_problem, user_errors},
        global_id::Kind,
        objects::{CancellationMode, WorkflowRun},
        request::{Caller, Deadline},
    },
    problem::Problem,
    store::Run,
};

/// Name of the list of runs in the inputs.
const RUNS: &str = "workflowRunIds";

/// Mutations of several runs.
#[derive(Default)]
pub(super) struct BulkMutations;

/// Result of a bulk mutation for one run.
#[derive(SimpleObject)]
pub(super) struct WorkflowRunResult {
    /// ID of the run, as in the input.
    workflow_run_id: ID,
    /// HTTP status that the operation on this run alone has in REST: 202 or 204 if it succeeded.
    status: i32,
    /// Run that was cancelled, or that a rerun started. Null if the operation failed, or if the run was deleted.
    workflow_run: Option<WorkflowRun>,
    /// Errors of this run. Empty if the operation succeeded. With a status of 500 or more, repeat the mutation with this run: what was
    /// done already is not done twice.
    user_errors: Vec<UserError>,
}

/// Defines the payload of a bulk mutation.
macro_rules! payload {
    ($(#[$doc:meta])* $payload:ident) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub(super) struct $payload {
            /// One result for each run, in the order of the input. Empty if there are user errors.
            results: Vec<WorkflowRunResult>,
            /// Number of runs for which the operation succeeded.
            succeeded: i32,
            /// Number of runs for which it failed.
            failed: i32,
            /// Errors of the input as a whole, for which nothing was done.
            user_errors: Vec<UserError>,
            /// `clientMutationId` of the input.
            client_mutation_id: Option<String>,
        }

        impl $payload {
            fn new(result: Result<Vec<WorkflowRunResult>, app::Error>, client_mutation_id: Option<String>) -> Result<Self> {
                let (results, user_errors) = match result {
                    Ok(results) => (results, Vec::new()),
                    Err(error) => (Vec::new(), user_errors(error)?),
                };
                let count = |succeeded: bool| {
                    let counted = results.iter().filter(|result| result.user_errors.is_empty() == succeeded);
                    i32::try_from(counted.count()).unwrap_or(i32::MAX)
                };
                let (succeeded, failed) = (count(true), count(false));
                Ok(Self { results, succeeded, failed, user_errors, client_mutation_id })
            }
        }
    };
}

/// Input of `cancelWorkflowRuns`.
#[derive(InputObject)]
pub(super) struct CancelWorkflowRunsInput {
    /// IDs of the runs; 1 to 100.
    workflow_run_ids: Vec<ID>,
    /// Cancellation mode.
    mode: CancellationMode,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `cancelWorkflowRuns`.
    CancelWorkflowRunsPayload
}

/// Input of `rerunWorkflowRuns`.
#[derive(InputObject)]
pub(super) struct RerunWorkflowRunsInput {
    /// IDs of the runs; 1 to 100.
    workflow_run_ids: Vec<ID>,
    /// Steps to execute again. By default, all steps are executed again.
    from: Option<RerunFrom>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. It applies to each run: a retry with the same key starts no run twice.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `rerunWorkflowRuns`.
    RerunWorkflowRunsPayload
}

/// Input of `deleteWorkflowRuns`.
#[derive(InputObject)]
pub(super) struct DeleteWorkflowRunsInput {
    /// IDs of the runs; 1 to 100.
    workflow_run_ids: Vec<ID>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `deleteWorkflowRuns`.
    DeleteWorkflowRunsPayload
}

/// Mutations of several runs.
#[Object]
impl BulkMutations {
    /// Cancels up to 100 runs, each as `cancelWorkflowRun` does, with a result for each. A run that could not be begun within about 3
    /// seconds has the status 503 and the error `TIMEOUT`: repeat the mutation, which is idempotent, with these runs. Each run counts
    /// as a request of the rate limit. Requires the permission `workflow.run.cancel`.
    ///
    /// User errors: `INVALID` if there are no runs or too many, `DUPLICATE`, `RATE_LIMITED`.
    #[graphql(complexity = "cost(input.workflow_run_ids.len(), child_complexity)")]
    async fn cancel_workflow_runs(
        &self,
        ctx: &Context<'_>,
        input: CancelWorkflowRunsInput,
    ) -> Result<CancelWorkflowRunsPayload> {
        let CancelWorkflowRunsInput { workflow_run_ids, mode, client_mutation_id } = input;
        let (caller, bulk) = (Caller::from_context(ctx)?, Bulk::new(ctx, workflow_run_ids)?);
        let results = match bulk.admit(&caller, caller.tenant()?) {
            Ok(scope) => {
                let (runs, mode) = (bulk.runs(), mode.into());
                let work = app::runs::cancel_all(caller.app, scope, runs, mode, &Outcome::OF_RUN);
                let outcomes = Box::pin(work).await;
                Ok(bulk.results(outcomes))
            }
            Err(error) => Err(error),
        };
        CancelWorkflowRunsPayload::new(results, client_mutation_id)
    }

    /// Starts a new run for each of up to 100 runs, as `rerunWorkflowRun` does, with a result for each. A run that could not be begun
    /// within about 3 seconds has the status 503 and the error `TIMEOUT`: repeat the mutation with the same idempotency key, which
    /// starts no run twice. Each run counts as a request of the rate limit. Requires the permission `workflow.run.rerun`.
    ///
    /// User errors: `INVALID` if there are no runs or too many, `DUPLICATE`, `RATE_LIMITED`.
    #[graphql(complexity = "cost(input.workflow_run_ids.len(), child_complexity)")]
    async fn rerun_workflow_runs(
        &self,
        ctx: &Context<'_>,
        input: RerunWorkflowRunsInput,
    ) -> Result<RerunWorkflowRunsPayload> {
        let RerunWorkflowRunsInput { workflow_run_ids, from, idempotency_key, client_mutation_id } = input;
        let (caller, bulk) = (Caller::from_context(ctx)?, Bulk::new(ctx, workflow_run_ids)?);
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let requester = Requester { email: caller.principal.email.clone(), key };
        let from = from.and_then(RerunFrom::reuse);
        let results = match bulk.admit(&caller, caller.tenant()?) {
            Ok(scope) => {
                let (app, runs, report) = (caller.app, bulk.runs(), &Outcome::OF_RUN);
                let work = app::runs::rerun_all(app, scope, runs, from.as_ref(), &requester, report);
                let outcomes = Box::pin(work).await;
                Ok(bulk.results(outcomes))
            }
            Err(error) => Err(error),
        };
        RerunWorkflowRunsPayload::new(results, client_mutation_id)
    }

    /// Deletes up to 100 finished runs, each as `deleteWorkflowRun` does, with a result for each: 204, or 404 if the run was deleted
    /// before. A run that could not be begun within about 3 seconds has the status 503 and the error `TIMEOUT`: repeat the mutation with
    /// these runs. Each run counts as a request of the rate limit. Requires the permission `workflow.run.delete`.
    ///
    /// User errors: `INVALID` if there are no runs or too many, `DUPLICATE`, `RATE_LIMITED`.
    #[graphql(complexity = "cost(input.workflow_run_ids.len(), child_complexity)")]
    async fn delete_workflow_runs(
        &self,
        ctx: &Context<'_>,
        input: DeleteWorkflowRunsInput,
    ) -> Result<DeleteWorkflowRunsPayload> {
        let DeleteWorkflowRunsInput { workflow_run_ids, client_mutation_id } = input;
        let (caller, bulk) = (Caller::from_context(ctx)?, Bulk::new(ctx, workflow_run_ids)?);
        let results = match bulk.admit(&caller, caller.tenant()?) {
            Ok(scope) => {
                let work = app::runs::delete_all(caller.app, scope, bulk.runs(), &Outcome::OF_DELETION);
                let outcomes = Box::pin(work).await;
                Ok(bulk.results(outcomes))
            }
            Err(error) => Err(error),
        };
        DeleteWorkflowRunsPayload::new(results, client_mutation_id)
    }
}

/// Returns the maximum cost of a mutation of this number of runs, each of whose results costs `result`.
fn cost(runs: usize, result: usize) -> usize {
    runs.max(1).saturating_mul(result).saturating_add(1)
}

/// Runs of a bulk mutation.
struct Bulk {
    /// IDs in the input.
    ids: Vec<ID>,
    /// References to the runs, in the same order.
    references: Vec<String>,
    /// Time after which no further run is begun, so that the answer is sent before the time limit of the document.
    deadline: Instant,
}

impl Bulk {
    fn new(ctx: &Context<'_>, ids: Vec<ID>) -> Result<Self> {
        let reference = |id: &ID| match Kind::WorkflowRun.decode(id) {
            Some(run) => run.to_string(),
            // No run has such a reference.
            None => format!("/{}", id.as_str()),
        };
        let references = ids.iter().map(reference).collect();
        Ok(Self { references, ids, deadline: ctx.data::<Deadline>()?.before(MAX_BULK_RUN_DURATION) })
    }

    /// Checks the runs, counts each as a request of the caller, and returns the caller's access to them.
    fn admit(&self, caller: &Caller<'_>, tenant: &Membership) -> Result<TenantScope, app::Error> {
        app::runs::admit(caller.app, &caller.principal.email, tenant, &self.references, RUNS)?;
        Ok(tenant.scope)
    }

    fn runs(&self) -> BulkRuns<'_> {
        BulkRuns::new(&self.references).until(self.deadline)
    }

    /// Builds the results from the outcome for each run, in the same order.
    fn results(self, outcomes: Vec<Outcome>) -> Vec<WorkflowRunResult> {
        let result = |(workflow_run_id, Outcome { status, run, problem }): (ID, Outcome)| WorkflowRunResult {
            workflow_run_id,
            status: i32::from(status.as_u16()),
            workflow_run: run.map(WorkflowRun),
            user_errors: problem.map(errors_of_problem).unwrap_or_default(),
        };
        self.ids.into_iter().zip(outcomes).map(result).collect()
    }
}

/// Result for one run, which the audit log and the payload contain.
struct Outcome {
    status: StatusCode,
    run: Option<Run>,
    problem: Option<Problem>,
}

impl Outcome {
    /// Report of an operation that returns a run.
    const OF_RUN: Report<Run, Self> = Report {
        present: |result| match result {
            Ok(run) => Self { status: StatusCode::ACCEPTED, run: Some(run), problem: None },
            Err(error) => Self::failed(error),
        },
        ending: Self::ending,
    };
    /// Report of an operation that returns nothing.
    const OF_DELETION: Report<(), Self> = Report {
        present: |result| match result {
            Ok(()) => Self { status: StatusCode::NO_CONTENT, run: None, problem: None },
            Err(error) => Self::failed(error),
        },
        ending: Self::ending,
    };

    fn failed(error: app::Error) -> Self {
        let problem = Problem::from(error);
        Self { status: problem.status(), run: None, problem: Some(problem) }
    }

    fn ending(&self) -> Ending {
        self.problem.as_ref().map_or(Ending::Succeeded, Problem::ending)
    }
}
