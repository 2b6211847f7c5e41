//! Objects that have to be reconciled when another object changes.

use std::sync::Arc;

use crds::{Plan, Tenant, Workflow, WorkflowRun, labels, run::QueueReason, tenant::TenantState};
use k8s_openapi::api::{
    core::v1::{Node, Pod},
    discovery::v1::EndpointSlice,
};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{
    reflect::Change,
    requeue::{ReconcileRequest, Released},
    stores::Stores,
};
use crate::names;

/// Returns requests for a changed plan and what depends on it. The tenants of a plan that is changed take turns: a thousand of them
/// must not occupy the API server. They wait for a plan that did not exist before, and are requested at once.
pub(super) fn for_plan(stores: &Stores, change: &Change<Plan>) -> Vec<ReconcileRequest> {
    let name = change.object().name_any();
    let tenants = stores.tenants.state_filter(|tenant| tenant.spec.plan_ref.name == name);
    let mut requests: Vec<_> = match change {
        Change::Applied { previous: Some(_), .. } => tenants
            .iter()
            .map(|tenant| ReconcileRequest::RollOut(ObjectRef::from_obj(tenant.as_ref())))
            .collect(),
        Change::Applied { previous: None, .. } | Change::Deleted(_) => {
            tenants.iter().flat_map(|tenant| for_plan_of(stores, tenant)).collect()
        }
    };
    requests.push(ReconcileRequest::Plan(ObjectRef::new(&name)));
    requests
}

/// Returns requests for a tenant whose plan has changed, its vectors, its workflows and runner pools, and its runs without a pod.
pub(super) fn for_plan_of(stores: &Stores, tenant: &Tenant) -> Vec<ReconcileRequest> {
    let mut requests = unassigned_runs(stores, tenant);
    let itself = ObjectRef::from_obj(tenant);
    requests.push(ReconcileRequest::Vectors(itself.clone()));
    requests.push(ReconcileRequest::Tenant(itself));
    for workflow in workflows_of_tenant(stores, tenant) {
        requests.push(ReconcileRequest::RunnerPool(workflow.clone()));
        requests.push(ReconcileRequest::Workflow(workflow));
    }
    requests
}

/// Returns requests for all tenants, whose network policies contain the addresses of the Kubernetes API.
pub(super) fn for_kubernetes_endpoints(stores: &Stores, _: &Change<EndpointSlice>) -> Vec<ReconcileRequest> {
    let tenants = stores.tenants.state();
    tenants.iter().map(|tenant| ReconcileRequest::Tenant(ObjectRef::from_obj(tenant.as_ref()))).collect()
}

/// Returns requests for a changed tenant, its plan, its workflows and its unfinished runs.
pub(super) fn for_tenant(stores: &Stores, change: &Change<Tenant>) -> Vec<ReconcileRequest> {
    let tenant = change.object();
    let runs = stores.runs_in(&names::tenant_namespace(tenant));
    let mut requests: Vec<_> = runs.iter().map(|run| ReconcileRequest::for_run(run)).collect();
    let workflows = workflows_of_tenant(stores, tenant);
    requests.extend(workflows.iter().cloned().map(ReconcileRequest::RunnerPool));
    requests.extend(workflows.into_iter().map(ReconcileRequest::Workflow));
    requests.push(ReconcileRequest::Plan(ObjectRef::new(&tenant.spec.plan_ref.name)));
    // The tenant may have used another plan until now, which counts its tenants.
    let applied = tenant.status.as_ref().and_then(|status| status.plan.as_ref());
    let previous = applied.filter(|applied| applied.name != tenant.spec.plan_ref.name);
    requests.extend(previous.map(|previous| ReconcileRequest::Plan(ObjectRef::new(&previous.name))));
    requests.push(ReconcileRequest::Tenant(ObjectRef::from_obj(tenant.as_ref())));
    requests.push(ReconcileRequest::Vectors(ObjectRef::from_obj(tenant.as_ref())));
    requests
}

fn workflows_of_tenant(stores: &Stores, tenant: &Tenant) -> Vec<ObjectRef<Workflow>> {
    let namespace = names::tenant_namespace(tenant);
    let workflows =
        stores.workflows.state_filter(|workflow| workflow.namespace().as_ref() == Some(&namespace));
    workflows.iter().map(|workflow| ObjectRef::from_obj(workflow.as_ref())).collect()
}

/// Returns requests for a changed workflow, its runner pool, its runs without a pod, and the workflows that start it as
/// a sub-run. The resources of a deleted workflow are released.
pub(super) fn for_workflow(stores: &Stores, change: &Change<Workflow>) -> Vec<ReconcileRequest> {
    let workflow = change.object();
    let (namespace, name) = (workflow.namespace(), workflow.name_any());
    let runs = stores.runs.state_filter(|run| {
        run.namespace() == namespace && run.spec.workflow_ref.name == name && has_no_runner(run)
    });
    let mut requests: Vec<_> = runs.iter().map(|run| ReconcileRequest::for_run(run)).collect();
    let calls = |other: &Workflow| {
        let steps = other.spec.steps.iter().chain(&other.spec.on_exit);
        steps.filter_map(|step| step.workflow.as_ref()).any(|action| action.name == name)
    };
    let callers = stores.workflows.state_filter(|other| other.namespace() == namespace && calls(other));
    requests.extend(
        callers.iter().map(|caller| ReconcileRequest::Workflow(ObjectRef::from_obj(caller.as_ref()))),
    );
    requests.push(ReconcileRequest::Workflow(ObjectRef::from_obj(workflow.as_ref())));
    requests.push(ReconcileRequest::RunnerPool(ObjectRef::from_obj(workflow.as_ref())));
    if matches!(change, Change::Deleted(_)) {
        requests.push(ReconcileRequest::Release(Released::Workflow(ObjectRef::from_obj(workflow.as_ref()))));
    }
    requests
}

/// Returns requests for a changed run, and for its tenant if that waits for the end of its runs.
///
/// When a run leaves the watch, its resources are released, its parent continues, its sub-runs are cancelled, and the
/// revision that the run used may be deleted.
pub(super) fn for_run(stores: &Stores, change: &Change<WorkflowRun>) -> Vec<ReconcileRequest> {
    match change {
        // A run that must end in a suspended tenant needs a pod, which the quota may not allow.
        Change::Applied { current, .. } if waits_for_quota(current) => {
            [ReconcileRequest::for_run(current)].into_iter().chain(inactive_tenant(stores, current)).collect()
        }
        Change::Applied { current, .. } => vec![ReconcileRequest::for_run(current)],
        Change::Deleted(run) => {
            let parent = run.spec.trigger.as_ref().and_then(|trigger| trigger.parent.as_ref());
            let parent = parent.zip(run.namespace()).map(|(parent, namespace)| {
                ReconcileRequest::Run(ObjectRef::new(&parent.name).within(&namespace))
            });
            let uid = run.metadata.uid.as_ref();
            let children = stores.runs.state_filter(|child| {
                let trigger = child.spec.trigger.as_ref();
                trigger
                    .and_then(|trigger| trigger.parent.as_ref())
                    .is_some_and(|parent| Some(&parent.uid) == uid)
            });
            let mut requests: Vec<_> = parent.into_iter().collect();
            requests.extend(children.iter().map(|child| ReconcileRequest::for_run(child)));
            requests.extend([
                ReconcileRequest::Release(Released::Run(Arc::clone(run))),
                ReconcileRequest::for_runner_pool(run),
            ]);
            requests.extend(workflow_of_old_revision(stores, run));
            requests.extend(inactive_tenant(stores, run));
            requests
        }
    }
}

/// Returns a request for the tenant of a run, if the tenant is suspended, archived or being deleted.
fn inactive_tenant(stores: &Stores, run: &WorkflowRun) -> Option<ReconcileRequest> {
    let tenant = stores.tenant_in(run.metadata.namespace.as_deref()?)?;
    let is_active = tenant.spec.state.unwrap_or_default() == TenantState::Active
        && tenant.metadata.deletion_timestamp.is_none();
    (!is_active).then(|| ReconcileRequest::Tenant(ObjectRef::from_obj(tenant.as_ref())))
}

/// Returns a request for the workflow of the revision that a run used, if the revision may be unused now: it is not the
/// current one, or the workflow was deleted.
fn workflow_of_old_revision(stores: &Stores, run: &WorkflowRun) -> Option<ReconcileRequest> {
    let used = run.status.as_ref()?.revision.as_ref()?;
    let reference = ObjectRef::new(&run.spec.workflow_ref.name).within(run.metadata.namespace.as_deref()?);
    let Some(workflow) = stores.workflows.get(&reference) else {
        return Some(ReconcileRequest::Release(Released::Workflow(reference)));
    };
    let current = workflow.status.as_ref()?.revision.as_ref()?;
    (current.name != used.name).then_some(ReconcileRequest::Workflow(reference))
}

/// Returns requests for the run of a changed pod. A deleted pod has released its share of the quota, so
/// reconciles of the runs that wait for it are requested as well.
pub(super) fn for_pod(stores: &Stores, change: &Change<Pod>) -> Vec<ReconcileRequest> {
    let pod = change.object();
    let mut requests = runs_of_pod(stores, pod);
    if matches!(change, Change::Deleted(_)) {
        let namespace = pod.namespace().unwrap_or_default();
        let waiting = stores.runs_in(&namespace).into_iter().filter(|run| waits_for_quota(run));
        requests.extend(waiting.map(|run| ReconcileRequest::for_run(&run)));
    }
    requests
}

/// Returns requests for the runs of all pods on a changed node.
pub(super) fn for_node(stores: &Stores, change: &Change<Node>) -> Vec<ReconcileRequest> {
    let name = change.object().name_any();
    let on_node = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&name);
    stores.pods.state_filter(on_node).iter().flat_map(|pod| runs_of_pod(stores, pod)).collect()
}

/// Returns requests for the run that a pod was created for. For a pooled pod, also for the run that is assigned to it
/// now and for its workflow's runner pool.
fn runs_of_pod(stores: &Stores, pod: &Pod) -> Vec<ReconcileRequest> {
    let namespace = pod.namespace().unwrap_or_default();
    let run = pod.annotations().get(names::FOR_RUN).or_else(|| pod.labels().get(labels::RUN));
    let mut requests: Vec<_> =
        run.map(|run| ReconcileRequest::Run(ObjectRef::new(run).within(&namespace))).into_iter().collect();
    if pod.labels().contains_key(labels::POOL) {
        let is_assigned = |run: &WorkflowRun| {
            run.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref())
                == pod.metadata.uid.as_ref()
        };
        let runs = stores.runs_in(&namespace);
        requests.extend(runs.iter().filter(|run| is_assigned(run)).map(|run| ReconcileRequest::for_run(run)));
        let workflow = pod.labels().get(labels::WORKFLOW);
        requests.extend(
            workflow
                .map(|workflow| ReconcileRequest::RunnerPool(ObjectRef::new(workflow).within(&namespace))),
        );
    }
    requests
}

fn unassigned_runs(stores: &Stores, tenant: &Tenant) -> Vec<ReconcileRequest> {
    let runs = stores.runs_in(&names::tenant_namespace(tenant));
    runs.iter().filter(|run| has_no_runner(run)).map(|run| ReconcileRequest::for_run(run)).collect()
}

fn has_no_runner(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_none_or(|status| status.runner.is_none())
}

fn waits_for_quota(run: &WorkflowRun) -> bool {
    let queue = run.status.as_ref().and_then(|status| status.queue.as_ref());
    queue.is_some_and(|queue| queue.has_reason(QueueReason::ClusterFull))
}
