//! Requests to look at an object.

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;

use super::Change;
use crate::unparsable::Unparsable;

/// Requests under way to one controller. It takes them at once into a queue that holds each object once, so
/// this only has to outlast a moment in which it does something else.
const CAPACITY: usize = 1024;

/// An object to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kick {
    /// Reconcile this plan.
    Plan(ObjectRef<Plan>),
    /// Reconcile this tenant.
    Tenant(ObjectRef<Tenant>),
    /// Reconcile this workflow.
    Workflow(ObjectRef<Workflow>),
    /// Look at the idle runners of this workflow.
    Pool(ObjectRef<Workflow>),
    /// Reconcile this run.
    Run(ObjectRef<WorkflowRun>),
    /// This run has left the watch: it is finished, or gone.
    Left(ObjectRef<WorkflowRun>),
}

impl Kick {
    /// A kick for the tenant of that name.
    pub(crate) fn tenant(name: &str) -> Self {
        Self::Tenant(ObjectRef::new(name))
    }

    /// A kick for the idle runners of a run's workflow.
    pub(crate) fn pool_of(run: &WorkflowRun) -> Self {
        let workflow = ObjectRef::new(&run.spec.workflow_ref.name);
        Self::Pool(workflow.within(run.metadata.namespace.as_deref().unwrap_or_default()))
    }

    /// A kick for a run.
    pub(crate) fn run(run: &WorkflowRun) -> Self {
        Self::Run(ObjectRef::from_obj(run))
    }
}

/// Where kicks go; clones send to the same places.
#[derive(Clone)]
pub(crate) struct Kicks {
    plans: mpsc::Sender<ObjectRef<Plan>>,
    tenants: mpsc::Sender<ObjectRef<Tenant>>,
    workflows: mpsc::Sender<ObjectRef<Workflow>>,
    pools: mpsc::Sender<ObjectRef<Workflow>>,
    runs: mpsc::Sender<ObjectRef<WorkflowRun>>,
    left: mpsc::Sender<ObjectRef<WorkflowRun>>,
    unparsable: mpsc::Sender<Unparsable>,
}

/// Where kicks come out.
pub(crate) struct Kicked {
    pub(crate) plans: mpsc::Receiver<ObjectRef<Plan>>,
    pub(crate) tenants: mpsc::Receiver<ObjectRef<Tenant>>,
    pub(crate) workflows: mpsc::Receiver<ObjectRef<Workflow>>,
    pub(crate) pools: mpsc::Receiver<ObjectRef<Workflow>>,
    pub(crate) runs: mpsc::Receiver<ObjectRef<WorkflowRun>>,
    pub(crate) left: mpsc::Receiver<ObjectRef<WorkflowRun>>,
    pub(crate) unparsable: mpsc::Receiver<Unparsable>,
}

impl Kicks {
    /// A channel for each controller.
    pub(crate) fn new() -> (Self, Kicked) {
        let (plans, plans_out) = mpsc::channel(CAPACITY);
        let (tenants, tenants_out) = mpsc::channel(CAPACITY);
        let (workflows, workflows_out) = mpsc::channel(CAPACITY);
        let (pools, pools_out) = mpsc::channel(CAPACITY);
        let (runs, runs_out) = mpsc::channel(CAPACITY);
        let (left, left_out) = mpsc::channel(CAPACITY);
        let (unparsable, unparsable_out) = mpsc::channel(CAPACITY);
        let kicked = Kicked {
            plans: plans_out,
            tenants: tenants_out,
            workflows: workflows_out,
            pools: pools_out,
            runs: runs_out,
            left: left_out,
            unparsable: unparsable_out,
        };
        (Self { plans, tenants, workflows, pools, runs, left, unparsable }, kicked)
    }

    /// Passes a kick on, waiting for room. A closed channel means that the process stops.
    pub(crate) async fn send(&self, kick: Kick) {
        let sent = match kick {
            Kick::Plan(object) => self.plans.send(object).await.is_ok(),
            Kick::Tenant(object) => self.tenants.send(object).await.is_ok(),
            Kick::Workflow(object) => self.workflows.send(object).await.is_ok(),
            Kick::Pool(object) => self.pools.send(object).await.is_ok(),
            Kick::Run(object) => self.runs.send(object).await.is_ok(),
            Kick::Left(object) => self.left.send(object).await.is_ok(),
        };
        if !sent {
            tracing::debug!("a change is not looked at: the operator stops");
        }
    }

    /// Passes on all of them.
    pub(crate) async fn send_all(&self, kicks: impl IntoIterator<Item = Kick>) {
        for kick in kicks {
            self.send(kick).await;
        }
    }

    /// Has an object reported that cannot be parsed. Where too many are, some are reported at the next list.
    pub(crate) fn report(&self, object: Unparsable) {
        if self.unparsable.try_send(object).is_err() {
            tracing::warn!("too many objects cannot be parsed to report each now");
        }
    }
}

/// A listener that turns changes into kicks.
pub(crate) struct Mapped<F> {
    pub(crate) kicks: Kicks,
    pub(crate) map: F,
}

impl<K, F> super::reflect::Listener<K> for Mapped<F>
where
    K: Send + Sync + 'static,
    F: Fn(&Change<K>) -> Vec<Kick> + Send + Sync,
{
    async fn hear(&self, change: Change<K>) {
        self.kicks.send_all((self.map)(&change)).await;
    }

    fn unparsable(&self, object: Unparsable) {
        self.kicks.report(object);
    }
}
