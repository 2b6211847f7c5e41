//! Deletion of old revisions, except for recent ones and those that runs use.

use crds::{Workflow, labels, workflow::RevisionRef};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{ResourceExt, api::ListParams};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    state::RevisionScan,
    watch::Stores,
};

/// Number of revisions that are retained for users to inspect, besides those in use.
const MAX_RETAINED: usize = 10;

/// Deletes the superfluous revisions of a workflow, if its revision has changed or a run that used an old one has ended.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn prune(ctx: &Context, workflow: &Workflow, current: &RevisionRef) -> Result<(), Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let uid = workflow.uid().unwrap_or_default();
    let used = used_revisions(&ctx.stores, &namespace);
    if !ctx.revision_scans.is_outdated(&uid, &current.name, &used) {
        return Ok(());
    }
    let api = within::<ControllerRevision>(&ctx.client, &namespace);
    let workflow_selector = format!("{}={}", labels::WORKFLOW, workflow.name_any());
    let found = api::list(&api, ListParams::default().labels(&workflow_selector)).await?;
    let Classified { superfluous, retained } = classify(found, &current.name, &used);
    for revision in superfluous {
        api::delete(&api, &revision.name_any(), revision.uid().as_deref()).await?;
    }
    ctx.revision_scans.record(uid, RevisionScan { current: current.name.clone(), retained });
    Ok(())
}

/// Returns the names of the revisions that unfinished runs are pinned to.
fn used_revisions(stores: &Stores, namespace: &str) -> Vec<String> {
    let runs = stores.runs_in(namespace);
    let used = runs.iter().filter_map(|run| run.status.as_ref()?.revision.as_ref());
    used.map(|revision| revision.name.clone()).collect()
}

/// Old revisions of a workflow.
struct Classified {
    /// Revisions to delete.
    superfluous: Vec<ControllerRevision>,
    /// Names of revisions that are retained only because a run uses them.
    retained: Vec<String>,
}

/// Classifies the revisions beyond the newest ones. The current revision counts as the newest, although it may be the oldest
/// one: a spec that is changed back has its old revision again.
fn classify(mut found: Vec<ControllerRevision>, current: &str, used: &[String]) -> Classified {
    found.sort_by_key(|revision| std::cmp::Reverse((revision.name_any() == current, revision.revision)));
    let old = found.into_iter().skip(MAX_RETAINED);
    let (in_use, superfluous): (Vec<_>, Vec<_>) =
        old.partition(|revision| used.contains(&revision.name_any()));
    Classified { superfluous, retained: in_use.iter().map(ResourceExt::name_any).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64) -> ControllerRevision {
        let mut revision = ControllerRevision { revision: number, ..ControllerRevision::default() };
        revision.metadata.name = Some(format!("intake-{number}"));
        revision
    }

    fn classified(current: &str, used: &[&str]) -> (Vec<String>, Vec<String>) {
        let used: Vec<_> = used.iter().map(|name| (*name).to_owned()).collect();
        let Classified { superfluous, retained } = classify((1..=13).map(revision).collect(), current, &used);
        (superfluous.iter().map(ResourceExt::name_any).collect(), retained)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A revision that a run uses is never deleted, however long the run waits for an approval.
    #[test]
    fn only_old_unused_revisions_are_superfluous() {
        assert_eq!(
            classified("intake-13", &["intake-2", "intake-9"]),
            (names(&["intake-3", "intake-1"]), names(&["intake-2"]))
        );
    }

    /// The current revision is never deleted, even if it is the oldest one because a dozen edits were reverted.
    #[test]
    fn the_current_revision_is_retained_even_if_it_is_the_oldest() {
        assert_eq!(classified("intake-1", &[]), (names(&["intake-4", "intake-3", "intake-2"]), names(&[])));
    }
}
