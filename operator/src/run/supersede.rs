//! Where a workflow's concurrency says CancelOlder: the newest runs of a group stay, the older ones are ended for them.

use std::sync::Arc;

use crds::{
    WorkflowRun,
    run::Cancel,
    workflow::{ConcurrencyPolicy, ErrorKind},
};
use jiff::Timestamp;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use super::{decide::End, revisions::Revision, see::Seen, status};
use crate::{
    api::{merge_status, within},
    context::Context,
    errors::Error,
    events::Note,
};

/// Ends those that are older than the newest of the run's group; says whether the run is one of them itself.
///
/// # Errors
/// The API server refuses, or somebody else wrote one of them meanwhile.
pub(super) async fn supersede(
    ctx: &Context,
    seen: &Seen,
    revision: &Revision,
    now: Timestamp,
) -> Result<Option<End>, Error> {
    let Some(concurrency) = &revision.spec.concurrency else { return Ok(None) };
    if concurrency.policy != Some(ConcurrencyPolicy::CancelOlder) {
        return Ok(None);
    }
    let Some(key) = key_of(&seen.run, revision) else { return Ok(None) };
    let of_group = |run: &WorkflowRun| {
        run.namespace().as_deref() == Some(&seen.namespace)
            && run.spec.workflow_ref == seen.run.spec.workflow_ref
            && !super::rests(run)
            && key_of(run, revision).as_ref() == Some(&key)
    };
    let group = ctx.stores.runs.state_filter(of_group);
    for run in superseded(group, concurrency.limit) {
        if run.uid() == seen.run.uid() {
            return Ok((!seen.has_begun()).then(end));
        }
        end_other(ctx, &run, now).await?;
    }
    Ok(None)
}

/// What a run's concurrency is counted by; none where the expression fails on its input.
fn key_of(run: &WorkflowRun, revision: &Revision) -> Option<String> {
    let valid = revision.valid.as_ref().ok()?;
    let (_, key) = valid.concurrency(run.spec.input.as_ref().unwrap_or(&Value::Null)).ok()??;
    Some(key)
}

/// All but the newest, and those that are being ended already.
fn superseded(mut group: Vec<Arc<WorkflowRun>>, limit: u32) -> Vec<Arc<WorkflowRun>> {
    group.sort_by_key(|run| std::cmp::Reverse((run.creation_timestamp(), run.name_any())));
    let older = group.into_iter().skip(usize::try_from(limit).unwrap_or(usize::MAX));
    older.filter(|run| !is_ended(run)).collect()
}

fn is_ended(run: &WorkflowRun) -> bool {
    run.spec.cancel.is_some() || run.status.as_ref().is_some_and(|status| status.cancel_requested.is_some())
}

fn end() -> End {
    let message =
        "a newer run of its concurrency group took its place: spec.concurrency.policy is CancelOlder";
    End::cancelled(ErrorKind::Policy, "SUPERSEDED", message)
}

/// One that has begun is ended by its runner, so that its `onExit` steps run.
async fn end_other(ctx: &Context, run: &WorkflowRun, now: Timestamp) -> Result<(), Error> {
    let api = within::<WorkflowRun>(&ctx.client, &run.namespace().unwrap_or_default());
    let patch = if super::has_begun(run) {
        json!({"cancelRequested": Cancel::Now})
    } else {
        status::ended(run, &end(), now)
    };
    merge_status(&api, &run.name_any(), &run.resource_version().unwrap_or_default(), patch).await?;
    tracing::info!(run.name = run.name_any(), run.id = run.uid(), "a newer run takes its place");
    let text = "a newer run of its concurrency group takes its place";
    ctx.events.tell(&run.object_ref(&()), Note::normal("Cancel", "Superseded", text)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, second: u32, rest: &str) -> Arc<WorkflowRun> {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: WorkflowRun, metadata: {{name: {name}, \
             creationTimestamp: '2026-11-24T08:00:{second:02}Z'}}, spec: {{workflowRef: {{name: intake}}{rest}}}}}"
        );
        Arc::new(serde_yaml::from_str(&text).unwrap())
    }

    /// The newest run is cancelled for an older one; or one that ends already is cancelled again and again.
    #[test]
    fn the_newest_stay() {
        let group =
            vec![run("new", 9, ""), run("old", 1, ""), run("middle", 5, ""), run("ends", 2, ", cancel: Now")];
        let names: Vec<_> = superseded(group, 1).iter().map(|run| run.name_any()).collect();
        assert_eq!(names, ["middle", "old"]);
    }
}
