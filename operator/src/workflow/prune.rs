//! Old revisions are deleted, but for some, and for those that runs still need.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::{Workflow, labels, workflow::RevisionRef};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{ResourceExt, api::ListParams};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// Revisions that are kept for people to look at, besides those in use.
const KEPT: usize = 10;

/// What was found when the revisions of a workflow were last looked through. It is kept in memory, and only saves looks:
/// an operator that starts looks at each workflow once.
#[derive(Debug, Default)]
pub(crate) struct Pruned(Mutex<HashMap<String, Looked>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Looked {
    /// The revision that new runs got then.
    current: String,
    /// Those that would have been deleted, had no run needed them.
    spared: Vec<String>,
}

impl Looked {
    /// Whether there may be something to delete now.
    fn is_outdated(&self, current: &str, used: &[String]) -> bool {
        self.current != current || self.spared.iter().any(|spared| !used.contains(spared))
    }
}

impl Pruned {
    /// Forgets the workflows that are gone.
    pub(crate) fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|workflow, _| is_there(workflow));
    }

    fn is_outdated(&self, workflow: &str, current: &str, used: &[String]) -> bool {
        self.lock().get(workflow).is_none_or(|looked| looked.is_outdated(current, used))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Looked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deletes what is left over after a change of revision, or after a run that needed an old one.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(super) async fn prune(ctx: &Context, workflow: &Workflow, current: &RevisionRef) -> Result<(), Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let uid = workflow.uid().unwrap_or_default();
    let used = in_use(ctx, &namespace);
    if !ctx.pruned.is_outdated(&uid, &current.name, &used) {
        return Ok(());
    }
    let api = within::<ControllerRevision>(&ctx.client, &namespace);
    let of_workflow = format!("{}={}", labels::WORKFLOW, workflow.name_any());
    let found = api::list(&api, ListParams::default().labels(&of_workflow)).await?;
    let Sorted { superfluous, spared } = sort(found, &current.name, &used);
    for revision in superfluous {
        api::delete(&api, &revision.name_any(), revision.uid().as_deref()).await?;
    }
    ctx.pruned.lock().insert(uid, Looked { current: current.name.clone(), spared });
    Ok(())
}

/// The revisions that unfinished runs are pinned to.
fn in_use(ctx: &Context, namespace: &str) -> Vec<String> {
    let runs = ctx.stores.runs_in(namespace);
    let used = runs.iter().filter_map(|run| run.status.as_ref()?.revision.as_ref());
    used.map(|revision| revision.name.clone()).collect()
}

struct Sorted {
    /// The oldest ones beyond those that are kept, none of them in use.
    superfluous: Vec<ControllerRevision>,
    /// Those that are as old, and in use.
    spared: Vec<String>,
}

/// A spec that was changed back has its old revision again: the current one may be the oldest.
fn sort(mut found: Vec<ControllerRevision>, current: &str, used: &[String]) -> Sorted {
    found.sort_by_key(|revision| std::cmp::Reverse((revision.name_any() == current, revision.revision)));
    let old = found.into_iter().skip(KEPT);
    let (in_use, superfluous): (Vec<_>, Vec<_>) =
        old.partition(|revision| used.contains(&revision.name_any()));
    Sorted { superfluous, spared: in_use.iter().map(ResourceExt::name_any).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64) -> ControllerRevision {
        let mut revision = ControllerRevision { revision: number, ..ControllerRevision::default() };
        revision.metadata.name = Some(format!("intake-{number}"));
        revision
    }

    fn sorted(current: &str, used: &[&str]) -> (Vec<String>, Vec<String>) {
        let used: Vec<_> = used.iter().map(|name| (*name).to_owned()).collect();
        let Sorted { superfluous, spared } = sort((1..=13).map(revision).collect(), current, &used);
        (superfluous.iter().map(ResourceExt::name_any).collect(), spared)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A run that waits for an approval for days finds its revision deleted.
    #[test]
    fn only_old_unused_revisions_are_superfluous() {
        assert_eq!(
            sorted("intake-13", &["intake-2", "intake-9"]),
            (names(&["intake-3", "intake-1"]), names(&["intake-2"]))
        );
    }

    /// A workflow whose last dozen edits were undone at once has no revision, and its runs wait for ever.
    #[test]
    fn the_current_revision_is_kept_though_it_is_the_oldest() {
        assert_eq!(sorted("intake-1", &[]), (names(&["intake-4", "intake-3", "intake-2"]), names(&[])));
    }

    /// Revisions that runs needed once pile up; or the API server is asked for all of them whenever a workflow changes.
    #[test]
    fn they_are_looked_through_again_when_something_may_have_changed() {
        let looked = Looked { current: "intake-13".to_owned(), spared: names(&["intake-2"]) };
        assert!(!looked.is_outdated("intake-13", &names(&["intake-13", "intake-2"])));
        assert!(looked.is_outdated("intake-13", &names(&["intake-13"])));
        assert!(looked.is_outdated("intake-14", &names(&["intake-2"])));
    }
}
