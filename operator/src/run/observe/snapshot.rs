//! Snapshot of a run and of the objects around it, on which the decision about the run is based.

use std::{sync::Arc, time::Duration};

use crds::{Tenant, WorkflowRun, WorkflowRunStatus, run::Cancel};
use jiff::Timestamp;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::runner_pods::{self, RunnerPod};
use crate::{
    context::Context,
    errors::Error,
    run_lifecycle::{awaits_runner, has_started},
    state::Revision,
    waits,
    watch::Stores,
};

/// State of a run and of the objects around it.
#[derive(Clone)]
pub(in crate::run) struct Snapshot {
    pub(in crate::run) run: Arc<WorkflowRun>,
    pub(in crate::run) namespace: String,
    pub(in crate::run) name: String,
    pub(in crate::run) uid: String,
    /// Tenant that the run's namespace belongs to.
    pub(in crate::run) tenant: Option<Arc<Tenant>>,
    /// Whether the run's tenant may be one that cannot be parsed, so that it is unknown what applies to the run.
    pub(in crate::run) is_tenant_unknown: bool,
    /// Runner pods created for or assigned to the run, newest attempt first.
    pub(in crate::run) pods: Vec<RunnerPod>,
    /// Number of the newest pod attempt created for the run, whichever run its pod is assigned to now. Names of Jobs derive
    /// from it, so it is as old as `pods`: a pod that appears later would otherwise be followed by a second one.
    pub(in crate::run) newest_attempt: Option<u32>,
    /// Whether the run was admitted.
    pub(in crate::run) holds_slot: bool,
    /// Revision that the run is pinned to, if it still exists.
    pub(in crate::run) revision: Option<Arc<Revision>>,
    /// Whether the run is a sub-run whose parent has ended or does not exist.
    pub(in crate::run) is_orphan: bool,
    /// Whether a sub-run that the run waits for has ended.
    pub(in crate::run) sub_run_ended: bool,
}

impl Snapshot {
    /// Returns the run's status, which is empty right after the run's creation.
    pub(in crate::run) fn status(&self) -> WorkflowRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    /// Returns whether a runner has begun to execute the run. If so, a runner ends the run.
    pub(in crate::run) fn has_started(&self) -> bool {
        has_started(&self.run)
    }

    /// Returns whether the run is assigned to a pod whose runner has not begun to execute it.
    pub(in crate::run) fn awaits_runner(&self) -> bool {
        awaits_runner(&self.run)
    }

    /// Returns how the run is to be cancelled, if a user or the operator has requested it.
    pub(in crate::run) fn cancel(&self) -> Option<Cancel> {
        let requested = self.run.status.as_ref().and_then(|status| status.cancel_requested);
        self.run.spec.cancel.max(requested)
    }

    /// Returns whether the workflow has `onExit` steps, which run after all others.
    pub(in crate::run) fn has_exit_steps(&self) -> bool {
        self.revision.as_ref().is_some_and(|revision| !revision.spec.on_exit.is_empty())
    }

    /// Returns the timeout of the run, as its revision specifies it.
    pub(in crate::run) fn timeout(&self) -> Duration {
        let valid = self.revision.as_ref().and_then(|revision| revision.valid.as_ref().ok());
        valid.map_or(domain::workflow::DEFAULT_TIMEOUT, domain::workflow::ValidWorkflow::timeout)
    }

    /// Returns the name of the run's tenant, or an empty string without a tenant.
    pub(in crate::run) fn tenant_name(&self) -> String {
        self.tenant.as_ref().map(|tenant| tenant.name_any()).unwrap_or_default()
    }
}

/// Takes a snapshot of a run.
///
/// # Errors
/// Returns an error if the run's revision cannot be read.
pub(in crate::run) async fn observe(
    ctx: &Context,
    run: Arc<WorkflowRun>,
    now: Timestamp,
) -> Result<Snapshot, Error> {
    let (namespace, name) = (run.namespace().unwrap_or_default(), run.name_any());
    let uid = run.uid().unwrap_or_default();
    let pinned = run.status.as_ref().and_then(|status| status.revision.as_ref());
    let revision = match pinned {
        Some(pinned) => ctx.revisions.get(&ctx.full, &namespace, &pinned.name).await?,
        None => None,
    };
    let tenant = ctx.stores.tenant_in(&namespace);
    Ok(Snapshot {
        is_tenant_unknown: tenant.is_none() && ctx.stores.has_unparsable_tenant(),
        tenant,
        // Read first: a pod that appears in between is in `pods`.
        newest_attempt: runner_pods::newest_attempt(&ctx.stores, &namespace, &uid),
        pods: runner_pods::pods_of_run(ctx, &run, now),
        holds_slot: ctx.slots.holds(&uid),
        is_orphan: is_orphan(&ctx.stores, &run, &namespace),
        sub_run_ended: sub_run_ended(&ctx.stores, &run, &namespace),
        revision,
        run,
        namespace,
        name,
        uid,
    })
}

/// Returns whether a sub-run's parent has ended. A parent is created, and delivered by the watch, before its sub-runs.
fn is_orphan(stores: &Stores, run: &WorkflowRun, namespace: &str) -> bool {
    let Some(parent) = run.spec.trigger.as_ref().and_then(|trigger| trigger.parent.as_ref()) else {
        return false;
    };
    stores.uid_of_run(&ObjectRef::new(&parent.name).within(namespace)).as_ref() != Some(&parent.uid)
}

/// Returns whether a sub-run that the run waits for has ended. The watch delivers a sub-run before the status by which
/// its parent waits for it, so a sub-run that does not exist has ended.
fn sub_run_ended(stores: &Stores, run: &WorkflowRun, namespace: &str) -> bool {
    let mut names = waits::sub_runs(run);
    names.any(|name| stores.uid_of_run(&ObjectRef::new(name).within(namespace)).is_none())
}
