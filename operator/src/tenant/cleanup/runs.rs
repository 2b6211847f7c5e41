//! Step: the runs of the tenant end, and their Jobs are deleted. The run controller ends the runs of a tenant that is being
//! deleted.

use crds::{Tenant, WorkflowRun, conditions, labels};
use k8s_openapi::api::batch::v1::Job;
use kube::{ResourceExt as _, api::ListParams};

use super::{Subject, step::Progress};
use crate::{
    api::{self, within},
    errors::Error,
};

/// Maximum number of runs that a message names.
const MAX_NAMED_RUNS: usize = 5;

/// Waits until no run of the tenant is unfinished, and deletes the Jobs that are left. Runs that were created after the deletion of the
/// tenant are never executed, and do not count: somebody who creates runs without end would delay the deletion for ever.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn stop(subject: &Subject<'_>) -> Result<Progress, Error> {
    let Some(namespace) = &subject.namespace else { return Ok(Progress::Complete) };
    let name = namespace.name_any();
    let unfinished = subject.ctx.stores.runs_in(&name);
    let unfinished = unfinished.iter().map(AsRef::as_ref).filter(|run| is_older(run, subject.tenant));
    let unfinished: Vec<&WorkflowRun> = unfinished.collect();
    if let Some(progress) = progress(&unfinished) {
        return Ok(progress);
    }
    let jobs = within::<Job>(&subject.ctx.client, &name);
    let runner_selector = format!("{}={}", labels::APP_COMPONENT, labels::RUNNER_COMPONENT);
    for job in api::list(&jobs, ListParams::default().labels(&runner_selector)).await? {
        if job.metadata.deletion_timestamp.is_none() {
            api::delete(&jobs, &job.name_any(), job.uid().as_deref()).await?;
        }
    }
    Ok(Progress::Complete)
}

/// Returns whether a run may have been executed before the deletion of its tenant. Times have a resolution of one second.
fn is_older(run: &WorkflowRun, tenant: &Tenant) -> bool {
    let (created, deleted) = (&run.metadata.creation_timestamp, &tenant.metadata.deletion_timestamp);
    created.as_ref().zip(deleted.as_ref()).is_none_or(|(created, deleted)| created.0 <= deleted.0)
}

/// Returns the progress while runs are unfinished.
fn progress(unfinished: &[&WorkflowRun]) -> Option<Progress> {
    if unfinished.is_empty() {
        return None;
    }
    let stalled: Vec<_> = unfinished.iter().filter(|run| is_stalled(run)).copied().collect();
    if stalled.is_empty() {
        return Some(Progress::Waiting(format!("runs are being ended: {}", names(unfinished))));
    }
    Some(Progress::Blocked(format!(
        "runs cannot be ended, as their condition Stalled says: {}; delete them with `kubectl delete swr`",
        names(&stalled)
    )))
}

fn is_stalled(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_some_and(|status| conditions::is_true(&status.conditions, conditions::STALLED))
}

fn names(runs: &[&WorkflowRun]) -> String {
    let mut names: Vec<String> = runs.iter().map(|run| run.name_any()).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(MAX_NAMED_RUNS);
    names.truncate(MAX_NAMED_RUNS);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, stalled: &str) -> WorkflowRun {
        let text = format!(
            "{{metadata: {{name: {name}}}, spec: {{workflowRef: {{name: intake}}}}, status: {{conditions: [{{type: Stalled, \
             status: '{stalled}', reason: SetAside, message: '', lastTransitionTime: '2026-11-24T08:00:00Z'}}]}}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    /// A run that cannot be ended blocks the cleanup, and the message says which run and what to do.
    #[test]
    fn a_run_that_cannot_be_ended_blocks_the_cleanup() {
        let (running, stalled) = (run("order-1", "False"), run("order-2", "True"));
        assert_eq!(progress(&[]), None);
        let expected = Progress::Waiting("runs are being ended: order-1".to_owned());
        assert_eq!(progress(&[&running]), Some(expected));
        let Some(Progress::Blocked(message)) = progress(&[&running, &stalled]) else { panic!("not blocked") };
        assert!(message.contains(": order-2; delete them"), "{message}");
    }

    /// Runs that are created while the tenant is being deleted do not delay its deletion.
    #[test]
    fn runs_that_are_created_after_the_deletion_do_not_delay_it() {
        let tenant: Tenant = serde_yaml::from_str(
            "{apiVersion: smbcopilot.dev/v1alpha1, kind: Tenant, metadata: {name: acme, deletionTimestamp: '2026-11-24T10:00:05Z'}, \
             spec: {planRef: {name: starter}}}",
        )
        .unwrap();
        for (second, counts) in [(4, true), (5, true), (6, false)] {
            let mut created = run("order-1", "False");
            let text = format!("2026-11-24T10:00:0{second}Z");
            created.metadata.creation_timestamp = serde_json::from_value(serde_json::json!(text)).unwrap();
            assert_eq!(is_older(&created, &tenant), counts, "{text}");
        }
    }

    /// A message names a few runs, however many there are.
    #[test]
    fn a_message_names_a_few_runs() {
        let runs: Vec<_> = (1..=7).map(|n| run(&format!("r{n}"), "False")).collect();
        assert_eq!(names(&runs.iter().collect::<Vec<_>>()), "r1, r2, r3, r4, r5 and 2 more");
    }
}
