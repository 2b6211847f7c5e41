//! Stores of the watched objects.

use std::sync::Arc;

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::{Node, Pod},
};
use kube::{
    ResourceExt as _,
    core::PartialObjectMeta,
    runtime::reflector::{
        self, ObjectRef, Store,
        store::{Writer, WriterDropped},
    },
};

use super::unparsable_objects::UnparsableObjects;
use crate::names::{RUNNER_FENCE, tenant_namespace};

/// Metadata of the policy that fences runners.
pub(super) type FencePolicy = PartialObjectMeta<ValidatingAdmissionPolicy>;
/// Metadata of the binding of the policy that fences runners.
pub(super) type FenceBinding = PartialObjectMeta<ValidatingAdmissionPolicyBinding>;

/// Stores of the watched objects, one per kind. They contain unfinished runs only, and only the pods of runners.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) plans: Store<Plan>,
    pub(crate) tenants: Store<Tenant>,
    pub(crate) workflows: Store<Workflow>,
    pub(crate) runs: Store<WorkflowRun>,
    pub(crate) pods: Store<Pod>,
    pub(crate) nodes: Store<Node>,
    fence_policies: Store<FencePolicy>,
    fence_bindings: Store<FenceBinding>,
    /// Objects that exist and are in no store, since they cannot be parsed.
    pub(crate) unparsable: UnparsableObjects,
}

/// Writing ends of [`Stores`]. Each belongs to one watch.
pub(crate) struct Writers {
    pub(crate) plans: Writer<Plan>,
    pub(crate) tenants: Writer<Tenant>,
    pub(crate) workflows: Writer<Workflow>,
    pub(crate) runs: Writer<WorkflowRun>,
    pub(crate) pods: Writer<Pod>,
    pub(crate) nodes: Writer<Node>,
    pub(super) fence_policies: Writer<FencePolicy>,
    pub(super) fence_bindings: Writer<FenceBinding>,
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
        let (fence_policies, fence_policies_writer) = reflector::store();
        let (fence_bindings, fence_bindings_writer) = reflector::store();
        let writers = Writers {
            plans: plans_writer,
            tenants: tenants_writer,
            workflows: workflows_writer,
            runs: runs_writer,
            pods: pods_writer,
            nodes: nodes_writer,
            fence_policies: fence_policies_writer,
            fence_bindings: fence_bindings_writer,
        };
        let unparsable = UnparsableObjects::default();
        let stores =
            Self { plans, tenants, workflows, runs, pods, nodes, fence_policies, fence_bindings, unparsable };
        (stores, writers)
    }

    /// Waits until every kind has been listed once.
    ///
    /// # Errors
    /// Returns an error if a watch ends before that.
    pub(crate) async fn ready(&self) -> Result<(), WriterDropped> {
        let Self {
            plans,
            tenants,
            workflows,
            runs,
            pods,
            nodes,
            fence_policies,
            fence_bindings,
            unparsable: _,
        } = self;
        fence_policies.wait_until_ready().await?;
        fence_bindings.wait_until_ready().await?;
        plans.wait_until_ready().await?;
        tenants.wait_until_ready().await?;
        workflows.wait_until_ready().await?;
        runs.wait_until_ready().await?;
        pods.wait_until_ready().await?;
        nodes.wait_until_ready().await
    }

    /// Returns the versions of the policy of the runner fence and of its binding, or `None` if one of them does not exist.
    pub(crate) fn fence_version(&self) -> Option<(String, String)> {
        let policy = self.fence_policies.get(&ObjectRef::new(RUNNER_FENCE))?;
        let binding = self.fence_bindings.get(&ObjectRef::new(RUNNER_FENCE))?;
        Some((policy.resource_version()?, binding.resource_version()?))
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

    /// Returns whether a tenant exists whose namespace is unknown, since the tenant cannot be parsed.
    pub(crate) fn has_unparsable_tenant(&self) -> bool {
        !self.unparsable.uids::<Tenant>().is_empty()
    }

    /// Returns the UID of an unfinished run, also of one that cannot be parsed.
    pub(crate) fn uid_of_run(&self, run: &ObjectRef<WorkflowRun>) -> Option<String> {
        let known = self.runs.get(run).and_then(|run| run.metadata.uid.clone());
        known.or_else(|| self.unparsable.uid(run))
    }

    /// Returns the unfinished runs in a namespace.
    pub(crate) fn runs_in(&self, namespace: &str) -> Vec<Arc<WorkflowRun>> {
        self.runs.state_filter(|run| run.metadata.namespace.as_deref() == Some(namespace))
    }
}
