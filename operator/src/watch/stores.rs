//! Stores of the watched objects.

use std::sync::Arc;

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::runtime::reflector::{
    self, ObjectRef, Store,
    store::{Writer, WriterDropped},
};

use crate::names::tenant_namespace;

/// Stores of the watched objects, one per kind. They contain unfinished runs only, and only the pods of runners.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) plans: Store<Plan>,
    pub(crate) tenants: Store<Tenant>,
    pub(crate) workflows: Store<Workflow>,
    pub(crate) runs: Store<WorkflowRun>,
    pub(crate) pods: Store<Pod>,
    pub(crate) nodes: Store<Node>,
}

/// Writing ends of [`Stores`]. Each belongs to one watch.
pub(crate) struct Writers {
    pub(crate) plans: Writer<Plan>,
    pub(crate) tenants: Writer<Tenant>,
    pub(crate) workflows: Writer<Workflow>,
    pub(crate) runs: Writer<WorkflowRun>,
    pub(crate) pods: Writer<Pod>,
    pub(crate) nodes: Writer<Node>,
}

impl Stores {
    /// Creates empty stores.
    pub(crate) fn new() -> (Self, Writers) {
        let (plans, plans_writer) = reflector::store();
        let (tenants, tenants_writer) = reflector::store();
        let (workflows, workflows_writer) = reflector::store();
        let (runs, runs_writer) = reflector::store();
        let (pods, pods_writer) = reflector::store();
        let (nodes, nodes_writer) = reflector::store();
        let writers = Writers {
            plans: plans_writer,
            tenants: tenants_writer,
            workflows: workflows_writer,
            runs: runs_writer,
            pods: pods_writer,
            nodes: nodes_writer,
        };
        (Self { plans, tenants, workflows, runs, pods, nodes }, writers)
    }

    /// Waits until every kind has been listed once.
    ///
    /// # Errors
    /// Returns an error if a watch ends before that.
    pub(crate) async fn ready(&self) -> Result<(), WriterDropped> {
        let Self { plans, tenants, workflows, runs, pods, nodes } = self;
        plans.wait_until_ready().await?;
        tenants.wait_until_ready().await?;
        workflows.wait_until_ready().await?;
        runs.wait_until_ready().await?;
        pods.wait_until_ready().await?;
        nodes.wait_until_ready().await
    }

    /// Returns the plan of a name.
    pub(crate) fn plan(&self, name: &str) -> Option<Arc<Plan>> {
        self.plans.get(&ObjectRef::new(name))
    }

    /// Returns the plan of a tenant.
    pub(crate) fn plan_of(&self, tenant: &Tenant) -> Option<Arc<Plan>> {
        self.plan(&tenant.spec.plan_ref.name)
    }

    /// Returns the tenant that a namespace belongs to.
    pub(crate) fn tenant_in(&self, namespace: &str) -> Option<Arc<Tenant>> {
        self.tenants.find(|tenant| tenant_namespace(tenant) == namespace)
    }

    /// Returns the unfinished runs in a namespace.
    pub(crate) fn runs_in(&self, namespace: &str) -> Vec<Arc<WorkflowRun>> {
        self.runs.state_filter(|run| run.metadata.namespace.as_deref() == Some(namespace))
    }
}
