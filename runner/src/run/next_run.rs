//! The next run that this pod executes.

use crate::{
    assignment::Assignments,
    cluster::ClusterApi,
    retry::retry,
    run::{assigned_run::AssignedRun, context::RunnerContext, exit::RunError, load::READ_RETRY_POLICY},
};

/// Waits for a run that is assigned to this pod. Returns `None` if the pod is stopped before. `last` is the UID of the run that
/// the pod has executed last.
///
/// An idle runner never exits by itself, since an assignment could then reach a pod that is about to exit. The operator
/// deletes it.
///
/// # Errors
/// Returns an error if a run cannot be read.
pub(crate) async fn next_assigned_run<C: ClusterApi>(
    context: &RunnerContext<'_, C>,
    assignments: &mut Assignments,
    last: Option<&str>,
) -> Result<Option<AssignedRun>, RunError> {
    loop {
        let run = tokio::select! {
            run = assignments.next_run() => run,
            () = context.stop.cancelled() => None,
        };
        let Some(run) = run else { return Ok(None) };
        let Some(assigned) = AssignedRun::parse(run, context.pod_uid) else { continue };
        // The watch may still deliver versions of the last run from before its last write.
        if last != Some(assigned.uid.as_str()) {
            return Ok(Some(assigned));
        }
        let read = || context.cluster.run(&assigned.name);
        let current = retry(READ_RETRY_POLICY, "read the run", read).await?;
        if let Some(assigned) = current.and_then(|run| AssignedRun::parse(run, context.pod_uid)) {
            return Ok(Some(assigned));
        }
    }
}
