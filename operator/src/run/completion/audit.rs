//! Audit of the concurrency slots: they follow from the runs that exist. Events keep them up to date; the audit corrects, and
//! counts, what an event should have changed.

use std::{collections::HashSet, sync::Arc};

use crds::WorkflowRun;
use kube::ResourceExt as _;

use super::super::admission::{hold_slot_of, release_slot};
use crate::{context::Context, run_lifecycle::occupies_slot};

/// Difference between the slots and the runs that exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Deviation {
    /// The run with this UID is not unfinished, and holds a slot or is queued for one.
    Left(String),
    /// The run with this UID occupies a slot by its status, and holds none.
    Missing(String),
}

/// Audit of the slots, with what the last one has found.
#[derive(Debug, Default)]
pub(super) struct SlotAudit {
    found: HashSet<Deviation>,
}

impl SlotAudit {
    /// Corrects each deviation that the previous audit has found, too: others are about to be corrected by an event.
    pub(super) async fn audit(&mut self, ctx: &Context) {
        let runs = ctx.stores.runs.state();
        let mut existing: HashSet<String> = runs.iter().filter_map(|run| run.uid()).collect();
        existing.extend(ctx.stores.unparsable.uids::<WorkflowRun>());
        let (holding, queued) = ctx.slots.uids();
        let left = holding.iter().chain(&queued).filter(|uid| !existing.contains(*uid));
        let occupying = runs.iter().filter(|run| occupies_slot(run)).filter_map(|run| run.uid());
        let missing = occupying.filter(|uid| !holding.contains(uid));
        let found = left.cloned().map(Deviation::Left).chain(missing.map(Deviation::Missing)).collect();
        for deviation in self.lasting(found) {
            correct(ctx, &runs, &deviation).await;
        }
    }

    /// Returns the deviations that the previous audit has found, too.
    fn lasting(&mut self, found: HashSet<Deviation>) -> Vec<Deviation> {
        let (lasting, new): (HashSet<_>, HashSet<_>) =
            found.into_iter().partition(|deviation| self.found.contains(deviation));
        self.found = new;
        lasting.into_iter().collect()
    }
}

async fn correct(ctx: &Context, runs: &[Arc<WorkflowRun>], deviation: &Deviation) {
    tracing::error!(
        ?deviation,
        "a concurrency slot did not follow from the runs that exist; it is corrected"
    );
    ctx.metrics.slot_corrections.inc();
    match deviation {
        Deviation::Left(uid) => release_slot(ctx, uid).await,
        Deviation::Missing(uid) => {
            if let Some(run) = runs.iter().find(|run| run.uid().as_ref() == Some(uid)) {
                hold_slot_of(ctx, run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deviation is corrected once, by the second audit that finds it.
    #[test]
    fn a_deviation_is_corrected_by_the_second_audit_that_finds_it() {
        let (a, b) = (Deviation::Left("a".to_owned()), Deviation::Missing("b".to_owned()));
        let mut audit = SlotAudit::default();
        assert!(audit.lasting(HashSet::from([a.clone()])).is_empty());
        assert_eq!(audit.lasting(HashSet::from([a.clone(), b.clone()])), [a]);
        assert!(audit.lasting(HashSet::new()).is_empty());
        assert!(audit.lasting(HashSet::from([b])).is_empty());
    }
}
