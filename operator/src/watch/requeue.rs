//! Requests to reconcile an object, and the queues that deliver them to the controllers.

use std::sync::Arc;

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Resource as _, runtime::reflector::ObjectRef};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::reflect::{Change, Listener};
use crate::unparsable::Unparsable;

/// Capacity of the queue of one controller. The controller moves requests at once into a set that holds each object
/// once, so the queue only has to cover the moments in which it does something else.
const QUEUE_CAPACITY: usize = 1024;

/// Request to reconcile one object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ReconcileRequest {
    /// Reconcile a plan.
    Plan(ObjectRef<Plan>),
    /// Reconcile a tenant.
    Tenant(ObjectRef<Tenant>),
    /// Reconcile the vector storage of a tenant.
    Vectors(ObjectRef<Tenant>),
    /// Reconcile a workflow.
    Workflow(ObjectRef<Workflow>),
    /// Reconcile the idle runners of a workflow.
    RunnerPool(ObjectRef<Workflow>),
    /// Reconcile a run.
    Run(ObjectRef<WorkflowRun>),
    /// Reconcile a tenant and what depends on its plan, when it is its turn: a change concerns many tenants.
    RollOut(ObjectRef<Tenant>),
    /// Release the resources of an object that has left the watch.
    Release(Released),
}

/// Object that has left the watch, and whose resources are released.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Released {
    /// A run that has finished or was deleted, with its last known content.
    Run(Arc<WorkflowRun>),
    /// A workflow that was deleted.
    Workflow(ObjectRef<Workflow>),
}

impl Released {
    /// Returns the kind, namespace and name of the object.
    pub(crate) fn object_ref(&self) -> ObjectReference {
        match self {
            Self::Run(run) => run.object_ref(&()),
            Self::Workflow(workflow) => workflow.clone().into(),
        }
    }
}

impl ReconcileRequest {
    /// Returns a request for the tenant of a name.
    pub(crate) fn for_tenant(name: &str) -> Self {
        Self::Tenant(ObjectRef::new(name))
    }

    /// Returns a request for the idle runners of a run's workflow.
    pub(crate) fn for_runner_pool(run: &WorkflowRun) -> Self {
        let workflow = ObjectRef::new(&run.spec.workflow_ref.name);
        Self::RunnerPool(workflow.within(run.metadata.namespace.as_deref().unwrap_or_default()))
    }

    /// Returns a request for a run.
    pub(crate) fn for_run(run: &WorkflowRun) -> Self {
        Self::Run(ObjectRef::from_obj(run))
    }
}

/// Sending ends of the controllers' queues. Clones send to the same queues.
#[derive(Clone)]
pub(crate) struct ReconcileRequests {
    plans: mpsc::Sender<ObjectRef<Plan>>,
    tenants: mpsc::Sender<ObjectRef<Tenant>>,
    vectors: mpsc::Sender<ObjectRef<Tenant>>,
    workflows: mpsc::Sender<ObjectRef<Workflow>>,
    runner_pools: mpsc::Sender<ObjectRef<Workflow>>,
    runs: mpsc::Sender<ObjectRef<WorkflowRun>>,
    roll_outs: mpsc::Sender<ObjectRef<Tenant>>,
    released: mpsc::Sender<Released>,
    unparsable: mpsc::Sender<Unparsable>,
}

/// Receiving ends of the controllers' queues.
pub(crate) struct RequestQueues {
    pub(crate) plans: mpsc::Receiver<ObjectRef<Plan>>,
    pub(crate) tenants: mpsc::Receiver<ObjectRef<Tenant>>,
    pub(crate) vectors: mpsc::Receiver<ObjectRef<Tenant>>,
    pub(crate) workflows: mpsc::Receiver<ObjectRef<Workflow>>,
    pub(crate) runner_pools: mpsc::Receiver<ObjectRef<Workflow>>,
    pub(crate) runs: mpsc::Receiver<ObjectRef<WorkflowRun>>,
    pub(crate) roll_outs: mpsc::Receiver<ObjectRef<Tenant>>,
    pub(crate) released: mpsc::Receiver<Released>,
    pub(crate) unparsable: mpsc::Receiver<Unparsable>,
}

impl ReconcileRequests {
    /// Creates a queue for each controller.
    pub(crate) fn new() -> (Self, RequestQueues) {
        let (plans, plans_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (tenants, tenants_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (vectors, vectors_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (workflows, workflows_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (runner_pools, runner_pools_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (runs, runs_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (roll_outs, roll_outs_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (released, released_queue) = mpsc::channel(QUEUE_CAPACITY);
        let (unparsable, unparsable_queue) = mpsc::channel(QUEUE_CAPACITY);
        let queues = RequestQueues {
            plans: plans_queue,
            tenants: tenants_queue,
            vectors: vectors_queue,
            workflows: workflows_queue,
            runner_pools: runner_pools_queue,
            runs: runs_queue,
            roll_outs: roll_outs_queue,
            released: released_queue,
            unparsable: unparsable_queue,
        };
        let requests =
            Self { plans, tenants, vectors, workflows, runner_pools, runs, roll_outs, released, unparsable };
        (requests, queues)
    }

    /// Sends a request, waiting for room in the queue. A closed queue means that the process is stopping.
    pub(crate) async fn send(&self, request: ReconcileRequest) {
        let sent = match request {
            ReconcileRequest::Plan(object) => self.plans.send(object).await.is_ok(),
            ReconcileRequest::Tenant(object) => self.tenants.send(object).await.is_ok(),
            ReconcileRequest::Vectors(object) => self.vectors.send(object).await.is_ok(),
            ReconcileRequest::Workflow(object) => self.workflows.send(object).await.is_ok(),
            ReconcileRequest::RunnerPool(object) => self.runner_pools.send(object).await.is_ok(),
            ReconcileRequest::Run(object) => self.runs.send(object).await.is_ok(),
            ReconcileRequest::RollOut(object) => self.roll_outs.send(object).await.is_ok(),
            ReconcileRequest::Release(object) => self.released.send(object).await.is_ok(),
        };
        if !sent {
            tracing::debug!("a change is not reconciled: the operator is stopping");
        }
    }

    /// Sends several requests.
    pub(crate) async fn send_all(&self, requests: impl IntoIterator<Item = ReconcileRequest>) {
        for request in requests {
            self.send(request).await;
        }
    }

    /// Requests a report on an object that cannot be parsed. If the queue is full, the object is reported at the next
    /// list of the watch.
    pub(crate) fn report_unparsable(&self, object: Unparsable) {
        if self.unparsable.try_send(object).is_err() {
            tracing::warn!("the queue of objects that cannot be parsed is full: some are reported later");
        }
    }
}

/// A listener that maps each change to requests and sends them.
pub(super) struct RequestSender<F> {
    pub(super) requests: ReconcileRequests,
    pub(super) map: F,
    /// Cancelled once the first list has been recorded.
    pub(super) listed: CancellationToken,
}

impl<K, F> Listener<K> for RequestSender<F>
where
    K: Send + Sync + 'static,
    F: Fn(&Change<K>) -> Vec<ReconcileRequest> + Send + Sync,
{
    type Requests = Vec<ReconcileRequest>;

    fn on_changes(&self, changes: Vec<Change<K>>) -> Self::Requests {
        let mut all = Vec::new();
        for change in changes {
            match compute::catch_panic(|| (self.map)(&change)) {
                Ok(requests) => all.extend(requests),
                // No object may end the watch. What depends on this one is reconciled at its own next change.
                Err(panic) => {
                    tracing::error!(error = %panic, "failed to find out which objects a change concerns")
                }
            }
        }
        all
    }

    fn on_listed(&self) {
        self.listed.cancel();
    }

    async fn send(&self, requests: Self::Requests) {
        self.requests.send_all(requests).await;
    }

    fn on_unparsable(&self, object: Unparsable) {
        self.requests.report_unparsable(object);
    }
}
