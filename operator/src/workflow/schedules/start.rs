//! Creation of the runs that are due.

use crds::{Workflow, WorkflowRun};
use kube::{Error as KubeError, Resource as _, ResourceExt as _, api::PostParams};

use super::plan::{SchedulePlan, ScheduledRun};
use crate::{
    api::{failed, within},
    context::Context,
    errors::{Error, Verb},
    events::NewEvent,
};

/// Creates the runs that are due. A run that exists already was created before a crash.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a run.
pub(in crate::workflow) async fn start_runs(
    ctx: &Context,
    workflow: &Workflow,
    plan: &SchedulePlan,
) -> Result<(), Error> {
    let api = within::<WorkflowRun>(&ctx.client, &workflow.namespace().unwrap_or_default());
    let field_manager = Some(crds::constants::OPERATOR_MANAGER.to_owned());
    let params = PostParams { field_manager, ..PostParams::default() };
    for ScheduledRun { run, scheduled_at } in &plan.runs {
        let name = run.name_any();
        match api.create(&params, run).await {
            Ok(_) => {
                tracing::info!(
                    workflow = workflow.name_any(),
                    run.name = name,
                    %scheduled_at,
                    "created a scheduled run"
                );
                let message = format!("created run {name}, scheduled for {scheduled_at}");
                let event = NewEvent::normal("Schedule", "RunCreated", message);
                ctx.events.publish_in_background(workflow.object_ref(&()), event);
            }
            Err(KubeError::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(failed(Verb::Create, &api, &name)(error)),
        }
    }
    Ok(())
}
