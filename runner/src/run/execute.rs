//! Driver of a run in this pod: load, resume, execute.

use std::sync::Arc;

use domain::run::{FinishRun, RunState};
use telemetry::{errors::chain, trace::root_span};
use tracing::{Instrument as _, error, info, info_span};

use crate::{
    action::StepContext,
    assignment::Assignments,
    cluster::ClusterApi,
    run::{
        assigned_run::AssignedRun,
        child_runs::ChildRuns,
        context::RunnerContext,
        execution::{Execution, ExecutionStart},
        exit::{RunError, RunExit},
        load::{LoadError, LoadedRun, load},
        status_patch::{self, RunReport, RunResult},
        write::write,
    },
    step_host::Hosts,
};

/// Executes a run from the state that its status records.
///
/// # Errors
/// Returns an error if this pod cannot continue the run. The run then stays assigned to it until the operator replaces
/// the pod.
pub(crate) async fn execute<'a, C: ClusterApi>(
    context: &'a RunnerContext<'a, C>,
    assigned: AssignedRun,
    assignments: &mut Assignments,
) -> Result<RunExit, RunError> {
    let loaded = match load(context, &assigned).await {
        Ok(loaded) => loaded,
        Err(failed) => return handle_load_error(context, &assigned, failed).await,
    };
    let LoadedRun { run, hosts, egress, secrets, redactor, steps, waited, child_runs } = loaded;
    let own = assigned.span_context();
    let span = root_span(own, assigned.parent_span, || {
        info_span!(
            "run",
            trace.id = own.trace_id(),
            span.id = own.span_id(),
            run.name = assigned.name,
            run.id = assigned.uid,
        )
    });
    info!(run.name = assigned.name, run.id = assigned.uid, trace.id = own.trace_id(), "executing the run");
    let state = RunState { steps, ending: assigned.ending.clone() };
    let state = run.resume(&state, &assigned.lost, telemetry::clock::now());
    let step_context = StepContext {
        run: Arc::new(run),
        run_name: assigned.name.as_str().into(),
        run_uid: assigned.uid.as_str().into(),
        hosts: Hosts::new(hosts, context.hosts.clone()),
        egress: Arc::new(egress),
        logs: context.logs.clone(),
        secrets: Arc::new(secrets),
        redactor,
        api: context.api.cloned(),
        span: own,
    };
    let start =
        ExecutionStart { step_context, assigned, waited, state, child_runs: ChildRuns::new(child_runs) };
    Execution::new(context, start).run(assignments).instrument(span).await
}

/// Fails a run that no pod can execute. After any other failure, another pod continues the run.
async fn handle_load_error(
    context: &RunnerContext<'_, impl ClusterApi>,
    assigned: &AssignedRun,
    failed: LoadError,
) -> Result<RunExit, RunError> {
    let finish: Option<FinishRun> = failed.finish();
    match (failed, finish) {
        (LoadError::Read(failed), None) => Err(failed.into()),
        (failed, None) => {
            error!(error = %chain(&failed), run.name = assigned.name, "failed to load the run");
            Ok(RunExit::Lost)
        }
        (_, Some(finish)) => {
            let now = telemetry::clock::now();
            let (steps, waited) = (assigned.steps.clone(), assigned.waited_until(now));
            let started_at = assigned.started_at.unwrap_or(now);
            let report = RunReport { assigned, started_at, input: None, steps: &steps, ending: None, waited };
            let patch = status_patch::finish(&report, &RunResult { finish: &finish, stored: None }, now);
            write(context.cluster, &assigned.name, patch).await?;
            Ok(RunExit::Finished)
        }
    }
}
