//! Stores of the watched objects.

use std::sync::Arc;

use crds::{Plan, Tenant, Workflow, WorkflowRun, names};
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::{Namespace, Node, Pod, ResourceQuota},
    discovery::v1::EndpointSlice,
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
use crate::{
    names::{RUNNER_FENCE, owner_of_namespace, tenant_namespace},
    state::{ChildMetadata, ChildObject},
};

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
    /// Namespaces with the label of a tenant: their names, UIDs, and what says to whom they belong.
    namespaces: Store<ChildMetadata<Namespace>>,
    /// Quotas of tenants' namespaces.
    quotas: Store<ChildObject<ResourceQuota>>,
    /// Addresses of the Kubernetes API.
    pub(crate) kubernetes_endpoints: Store<EndpointSlice>,
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
    pub(crate) namespaces: Writer<ChildMetadata<Namespace>>,
    pub(crate) quotas: Writer<ChildObject<ResourceQuota>>,
    pub(crate) kubernetes_endpoints: Writer<EndpointSlice>,
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
        let (namespaces, namespaces_writer) = reflector::store();
        let (quotas, quotas_writer) = reflector::store();
        let (kubernetes_endpoints, kubernetes_endpoints_writer) = reflector::store();
        let (fence_policies, fence_policies_writer) = reflector::store();
        let (fence_bindings, fence_bindings_writer) = reflector::store();
        let writers = Writers {
            plans: plans_writer,
            tenants: tenants_writer,
            workflows: workflows_writer,
            runs: runs_writer,
            pods: pods_writer,
            nodes: nodes_writer,
            namespaces: namespaces_writer,
            quotas: quotas_writer,
            kubernetes_endpoints: kubernetes_endpoints_writer,
            fence_policies: fence_policies_writer,
            fence_bindings: fence_bindings_writer,
        };
        let unparsable = UnparsableObjects::default();
        let stores = Self {
            plans,
            tenants,
            workflows,
            runs,
            pods,
            nodes,
            namespaces,
            quotas,
            kubernetes_endpoints,
            fence_policies,
            fence_bindings,
            unparsable,
        };
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
            namespaces,
            quotas,
            kubernetes_endpoints,
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
        namespaces.wait_until_ready().await?;
        quotas.wait_until_ready().await?;
        kubernetes_endpoints.wait_until_ready().await?;
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

    /// Returns a namespace with the label of a tenant: its name, UID, and what says to whom it belongs.
    pub(crate) fn namespace(&self, name: &str) -> Option<Namespace> {
        let namespace = self.namespaces.get(&ObjectRef::new(name))?;
        Some(Namespace { metadata: namespace.to_metadata(), ..Namespace::default() })
    }

    /// Returns the quota that the operator has applied in a namespace.
    pub(crate) fn quota_in(&self, namespace: &str) -> Option<Arc<ChildObject<ResourceQuota>>> {
        self.quotas.get(&ObjectRef::new(names::RESOURCE_QUOTA).within(namespace))
    }

    /// Returns the tenant that a namespace belongs to.
    pub(crate) fn tenant_in(&self, namespace: &str) -> Option<Arc<Tenant>> {
        owner_of_namespace(self.tenants.state_filter(|tenant| tenant_namespace(tenant) == namespace))
    }

    /// Returns the namespace of a tenant, unless it belongs to another one.
    pub(crate) fn namespace_of(&self, tenant: &Tenant) -> Option<String> {
        let namespace = tenant_namespace(tenant);
        self.tenant_in(&namespace)
            .filter(|owner| owner.metadata.uid == tenant.metadata.uid)
            .map(|_| namespace)
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
