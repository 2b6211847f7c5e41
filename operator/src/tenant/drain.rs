//! Unfinished runs of a tenant, which end before it is suspended or archived.

use crds::Tenant;
use kube::ResourceExt as _;

use crate::{context::Context, run_lifecycle::occupies_slot};

/// Numbers of the unfinished runs of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unfinished {
    /// Number of all unfinished runs.
    pub(super) all: usize,
    /// Number of those that hold a slot: they have a pod or need one.
    pub(super) with_slot: usize,
}

/// Counts the unfinished runs of a tenant.
pub(super) fn unfinished(ctx: &Context, tenant: &Tenant) -> Unfinished {
    let Some(namespace) = ctx.stores.namespace_of(tenant) else { return Unfinished::default() };
    let runs = ctx.stores.runs_in(&namespace);
    let holds = |uid: Option<String>| uid.is_some_and(|uid| ctx.slots.holds(&uid));
    let with_slot = runs.iter().filter(|run| occupies_slot(run) || holds(run.uid())).count();
    Unfinished { all: runs.len(), with_slot }
}
