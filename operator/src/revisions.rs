//! Deletion of revisions that nothing needs.
//!
//! A revision has no owner: Kubernetes would delete it together with its workflow, and with it the Jobs of the runs that
//! execute it. It is deleted here once no unfinished run needs it.

use crds::{Workflow, WorkflowRun, labels, workflow::RevisionRef};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    names::WORKFLOW_UID,
    state::RevisionScan,
    watch::Stores,
};

/// Number of revisions that are retained for users to inspect, besides those in use.
const MAX_RETAINED: usize = 10;

/// Deletes the superfluous revisions of a workflow, if its revision has changed or a run that used an old one has ended.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn prune(ctx: &Context, workflow: &Workflow, current: &RevisionRef) -> Result<(), Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let uid = workflow.uid().unwrap_or_default();
    let needs = Needs::of_runs(&ctx.stores, &namespace, &workflow.name_any());
    if !ctx.revision_scans.is_outdated(&uid, &current.name, &needs.revisions) {
        return Ok(());
    }
    let api = within::<ControllerRevision>(&ctx.client, &namespace);
    let found = list(&api, &workflow.name_any()).await?;
    let Classified { superfluous, retained } = classify(found, Some((&uid, &current.name)), &needs);
    delete_all(&api, &superfluous).await?;
    ctx.revision_scans.record(uid, RevisionScan { current: current.name.clone(), retained });
    Ok(())
}

/// Deletes the revisions of a deleted workflow that no unfinished run needs.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(crate) async fn prune_deleted(ctx: &Context, namespace: &str, workflow: &str) -> Result<(), Error> {
    let api = within::<ControllerRevision>(&ctx.client, namespace);
    let found = list(&api, workflow).await?;
    let needs = Needs::of_runs(&ctx.stores, namespace, workflow);
    delete_all(&api, &classify(found, None, &needs).superfluous).await
}

async fn list(api: &Api<ControllerRevision>, workflow: &str) -> Result<Vec<ControllerRevision>, Error> {
    let workflow_selector = format!("{}={workflow}", labels::WORKFLOW);
    api::list(api, ListParams::default().labels(&workflow_selector)).await
}

/// Deletes revisions. One that cannot be deleted does not keep the others from it.
async fn delete_all(api: &Api<ControllerRevision>, revisions: &[ControllerRevision]) -> Result<(), Error> {
    let mut outcome = Ok(());
    for revision in revisions {
        outcome = outcome.and(api::delete(api, &revision.name_any(), revision.uid().as_deref()).await);
    }
    outcome
}

/// Revisions that unfinished runs need.
struct Needs {
    /// Names of the revisions that runs are pinned to.
    revisions: Vec<String>,
    /// Whether a run of the workflow is not pinned yet. It may be about to be pinned to a revision of a workflow that was
    /// deleted in the same moment.
    has_unpinned: bool,
}

impl Needs {
    fn of_runs(stores: &Stores, namespace: &str, workflow: &str) -> Self {
        let runs = stores.runs_in(namespace);
        let pinned = |run: &WorkflowRun| Some(run.status.as_ref()?.revision.as_ref()?.name.clone());
        let mut of_workflow = runs.iter().filter(|run| run.spec.workflow_ref.name == workflow);
        Self {
            has_unpinned: of_workflow.any(|run| pinned(run).is_none()),
            revisions: runs.iter().filter_map(|run| pinned(run)).collect(),
        }
    }
}

/// Old revisions of a workflow, and those of deleted workflows of the same name.
struct Classified {
    /// Revisions to delete.
    superfluous: Vec<ControllerRevision>,
    /// Names of revisions that are retained only because a run needs them.
    retained: Vec<String>,
}

/// Classifies the revisions beyond the newest ones of the workflow with a UID and a current revision. The current revision
/// counts as the newest, although it may be the oldest one: a spec that is changed back has its old revision again.
fn classify(found: Vec<ControllerRevision>, workflow: Option<(&str, &str)>, needs: &Needs) -> Classified {
    let (mut own, foreign): (Vec<_>, Vec<_>) = found.into_iter().partition(|revision| {
        workflow.is_some_and(|(uid, _)| {
            revision.annotations().get(WORKFLOW_UID).is_some_and(|annotation| annotation == uid)
        })
    });
    let current = workflow.map(|(_, current)| current);
    own.sort_by_key(|revision| {
        std::cmp::Reverse((Some(revision.name_any().as_str()) == current, revision.revision))
    });
    let is_pinned = |revision: &ControllerRevision| needs.revisions.contains(&revision.name_any());
    let (mut in_use, mut superfluous): (Vec<_>, Vec<_>) =
        own.into_iter().skip(MAX_RETAINED).partition(is_pinned);
    let (foreign_in_use, foreign_superfluous): (Vec<_>, Vec<_>) =
        foreign.into_iter().partition(|revision| needs.has_unpinned || is_pinned(revision));
    in_use.extend(foreign_in_use);
    superfluous.extend(foreign_superfluous);
    Classified { superfluous, retained: in_use.iter().map(ResourceExt::name_any).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(workflow_uid: &str, number: i64) -> ControllerRevision {
        let mut revision = ControllerRevision { revision: number, ..ControllerRevision::default() };
        revision.metadata.name = Some(format!("{workflow_uid}-{number}"));
        revision.annotations_mut().insert(WORKFLOW_UID.to_owned(), workflow_uid.to_owned());
        revision
    }

    fn needs(revisions: &[&str]) -> Needs {
        Needs { revisions: names(revisions), has_unpinned: false }
    }

    fn classified(
        found: impl IntoIterator<Item = ControllerRevision>,
        workflow: Option<(&str, &str)>,
        needs: &Needs,
    ) -> (Vec<String>, Vec<String>) {
        let Classified { superfluous, retained } = classify(found.into_iter().collect(), workflow, needs);
        (superfluous.iter().map(ResourceExt::name_any).collect(), retained)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn thirteen() -> impl Iterator<Item = ControllerRevision> {
        (1..=13).map(|number| revision("u2", number))
    }

    /// A revision that a run uses is never deleted, however long the run waits for an approval.
    #[test]
    fn only_old_unused_revisions_are_superfluous() {
        assert_eq!(
            classified(thirteen(), Some(("u2", "u2-13")), &needs(&["u2-2", "u2-9"])),
            (names(&["u2-3", "u2-1"]), names(&["u2-2"]))
        );
    }

    /// The current revision is never deleted, even if it is the oldest one because a dozen edits were reverted.
    #[test]
    fn the_current_revision_is_retained_even_if_it_is_the_oldest() {
        assert_eq!(
            classified(thirteen(), Some(("u2", "u2-1")), &needs(&[])),
            (names(&["u2-4", "u2-3", "u2-2"]), names(&[]))
        );
    }

    /// The revisions of a deleted workflow are deleted once no unfinished run needs them, also if another workflow has its
    /// name by then.
    #[test]
    fn revisions_of_a_deleted_workflow_live_as_long_as_runs_need_them() {
        let deleted = || [revision("u1", 40), revision("u1", 41)];
        assert_eq!(classified(deleted(), None, &needs(&["u1-41"])), (names(&["u1-40"]), names(&["u1-41"])));
        let both = deleted().into_iter().chain([revision("u2", 1)]);
        assert_eq!(
            classified(both, Some(("u2", "u2-1")), &needs(&["u1-40", "u2-1"])),
            (names(&["u1-41"]), names(&["u1-40"]))
        );
        let unpinned = Needs { has_unpinned: true, ..needs(&[]) };
        assert_eq!(classified(deleted(), None, &unpinned), (names(&[]), names(&["u1-40", "u1-41"])));
    }
}
