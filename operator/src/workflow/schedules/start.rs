//! Creation of the runs that are due.

use crds::{Workflow, WorkflowRun, WorkflowSpec};
use domain::run::is_same_run;
use kube::{Api, Error as KubeError, Resource as _, ResourceExt as _, api::PostParams};

use super::{
    super::check::read_full,
    plan::{SchedulePlan, ScheduledRun, run_name},
};
use crate::{
    api::{failed, within},
    context::Context,
    errors::{Error, Verb, chain},
    events::NewEvent,
};

/// Maximum number of names that are tried for a run. The admission policy smb-copilot-trigger-fence reserves these names, so
/// that only an administrator of the cluster can have given one to another run.
const MAX_NAMES: u32 = 4;

/// Creates the runs that are due. A run that exists already was created before a crash. Returns false, and creates
/// nothing, if the workflow was changed or deleted meanwhile.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a run.
pub(in crate::workflow) async fn start_runs(
    ctx: &Context,
    workflow: &Workflow,
    plan: &SchedulePlan,
) -> Result<bool, Error> {
    if plan.runs.is_empty() {
        return Ok(true);
    }
    let Some(full) = read_full(ctx, workflow).await? else { return Ok(false) };
    let api = within::<WorkflowRun>(&ctx.client, &workflow.namespace().unwrap_or_default());
    let runs = with_inputs(&plan.runs, &full.spec);
    // An existing run is compared below, and only one full object of a namespace can be held.
    drop(full);
    let mut outcome = Ok(true);
    for scheduled in &runs {
        let started = match start(ctx, &api, workflow, scheduled).await {
            Ok(started) => started,
            // A run that cannot be created does not keep the others from it. All are tried again.
            Err(error) => {
                let ScheduledRun { schedule, scheduled_at, .. } = scheduled;
                let workflow = workflow.name_any();
                tracing::warn!(workflow, schedule, %scheduled_at, error = chain(&error), "failed to create a scheduled run");
                outcome = outcome.and(Err(error));
                continue;
            }
        };
        let event = match started {
            Start::Created(name) => {
                let ScheduledRun { scheduled_at, .. } = scheduled;
                tracing::info!(
                    workflow = workflow.name_any(),
                    run.name = name,
                    %scheduled_at,
                    "created a scheduled run"
                );
                let message = format!("created run {name}, scheduled for {scheduled_at}");
                NewEvent::normal("Schedule", "RunCreated", message)
            }
            Start::Exists => continue,
            Start::NamesTaken => {
                let ScheduledRun { run, schedule, scheduled_at } = scheduled;
                let message = format!(
                    "schedule {schedule} started no run for {scheduled_at}: {} and the next {} names of its run belong to \
                     other runs; delete them",
                    run.name_any(),
                    MAX_NAMES - 1
                );
                NewEvent::warning("Schedule", "RunNameTaken", message)
            }
            Start::QuotaExceeded(reason) => {
                let ScheduledRun { schedule, scheduled_at, .. } = scheduled;
                let message = format!("schedule {schedule} started no run for {scheduled_at}: {reason}");
                NewEvent::warning("Schedule", "RunQuotaExceeded", message)
            }
        };
        ctx.events.publish_in_background(&workflow.object_ref(&()), event);
    }
    outcome
}

/// Returns the runs with the inputs of their schedules.
fn with_inputs(runs: &[ScheduledRun], spec: &WorkflowSpec) -> Vec<ScheduledRun> {
    let with_input = |scheduled: &ScheduledRun| {
        let mut scheduled = scheduled.clone();
        let schedule = spec.schedules.iter().find(|schedule| schedule.name == scheduled.schedule);
        scheduled.run.spec.input = schedule.and_then(|schedule| schedule.input.clone());
        scheduled
    };
    runs.iter().map(with_input).collect()
}

/// Result of starting a scheduled run.
enum Start {
    /// The run was created with this name.
    Created(String),
    /// The run exists already.
    Exists,
    /// All names belong to other runs.
    NamesTaken,
    /// The namespace has as many runs as its plan permits.
    QuotaExceeded(String),
}

/// Creates a run under the first of its names that no other run has.
async fn start(
    ctx: &Context,
    api: &Api<WorkflowRun>,
    workflow: &Workflow,
    scheduled: &ScheduledRun,
) -> Result<Start, Error> {
    let ScheduledRun { run, schedule, scheduled_at } = scheduled;
    let field_manager = Some(crds::constants::OPERATOR_MANAGER.to_owned());
    let params = PostParams { field_manager, ..PostParams::default() };
    for taken in 0..MAX_NAMES {
        let name = run_name(workflow, schedule, *scheduled_at, taken);
        let mut named = run.clone();
        named.metadata.name = Some(name.clone());
        match k8s_client::create(api, &params, &named).await {
            Ok(_) => return Ok(Start::Created(name)),
            Err(KubeError::Api(status)) if status.is_already_exists() => {}
            Err(KubeError::Api(status))
                if status.code == 403 && status.message.contains("exceeded quota") =>
            {
                return Ok(Start::QuotaExceeded(status.message));
            }
            Err(error) => return Err(failed(Verb::Create, api, &name)(error)),
        }
        let namespace = workflow.namespace().unwrap_or_default();
        let existing = ctx.full.run_spec(&namespace, &name).await?;
        // A run that is gone in the meantime has run, or was deleted on purpose.
        if existing.is_none_or(|existing| is_same_run(&existing.spec, &run.spec)) {
            return Ok(Start::Exists);
        }
    }
    Ok(Start::NamesTaken)
}
