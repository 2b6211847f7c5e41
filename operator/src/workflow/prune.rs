//! Old revisions are deleted, but for some, and for those that runs still need.

use crds::{Workflow, labels};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{ResourceExt as _, api::ListParams};

use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// Revisions that are kept for people to look at, besides those in use.
const KEPT: usize = 10;

/// Deletes what is left over after a change of revision.
///
/// # Errors
/// The API server refuses, or cannot be asked.
pub(super) async fn prune(ctx: &Context, workflow: &Workflow) -> Result<(), Error> {
    let status = workflow.status.as_ref();
    let Some(current) = status.and_then(|status| status.revision.as_ref()) else { return Ok(()) };
    if current.generation == workflow.metadata.generation {
        return Ok(());
    }
    let namespace = workflow.namespace().unwrap_or_default();
    let api = within::<ControllerRevision>(&ctx.client, &namespace);
    let of_workflow = format!("{}={}", labels::WORKFLOW, workflow.name_any());
    let found = api::list(&api, ListParams::default().labels(&of_workflow)).await?;
    let runs = ctx.stores.runs_in(&namespace);
    let used = runs.iter().filter_map(|run| run.status.as_ref()?.revision.as_ref());
    let used: Vec<&str> = used.map(|revision| revision.name.as_str()).collect();
    for revision in superfluous(found, &used) {
        api::delete(&api, &revision.name_any(), revision.uid().as_deref()).await?;
    }
    Ok(())
}

/// The oldest ones beyond those that are kept, none of them in use.
fn superfluous(mut found: Vec<ControllerRevision>, used: &[&str]) -> Vec<ControllerRevision> {
    found.sort_by_key(|revision| std::cmp::Reverse(revision.revision));
    let old = found.into_iter().skip(KEPT);
    old.filter(|revision| !used.contains(&revision.name_any().as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64) -> ControllerRevision {
        let mut revision = ControllerRevision { revision: number, ..ControllerRevision::default() };
        revision.metadata.name = Some(format!("intake-{number}"));
        revision
    }

    /// A run that waits for an approval for days finds its revision deleted.
    #[test]
    fn only_old_unused_revisions_are_superfluous() {
        let found = (1..=13).map(revision).collect();
        let names: Vec<_> =
            superfluous(found, &["intake-2"]).iter().map(kube::ResourceExt::name_any).collect();
        assert_eq!(names, ["intake-3", "intake-1"]);
    }
}
