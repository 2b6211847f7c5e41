//! Deletion of a run's Jobs.

use crds::{WorkflowRun, labels, run::RunPhase};
use k8s_openapi::api::batch::v1::Job;
use kube::{Client, ResourceExt as _, api::ListParams};

use crate::{
    api::{self, within},
    errors::Error,
    names,
};

/// Returns whether a run has a final phase.
pub(super) fn has_ended(run: &WorkflowRun) -> bool {
    run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
}

/// Deletes all Jobs of runs with a name, except for those of the current run of that name while it has not ended.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn delete_jobs_of_run(
    client: &Client,
    namespace: &str,
    name: &str,
    current: Option<&WorkflowRun>,
) -> Result<(), Error> {
    let jobs = within::<Job>(client, namespace);
    let unfinished = current.filter(|run| !has_ended(run)).and_then(|run| run.metadata.uid.as_ref());
    let run_selector = ListParams::default().labels(&format!("{}={name}", labels::RUN));
    let mut outcome = Ok(());
    for job in api::list(&jobs, run_selector).await? {
        let is_of_unfinished = unfinished.is_some() && job.annotations().get(names::RUN_UID) == unfinished;
        if job.metadata.deletion_timestamp.is_none() && !is_of_unfinished {
            // A Job that cannot be deleted does not keep the others from it.
            outcome = outcome.and(api::delete(&jobs, &job.name_any(), job.uid().as_deref()).await);
        }
    }
    outcome
}
