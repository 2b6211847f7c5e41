//! Which objects a change of another one concerns.

use crds::{Plan, Tenant, Workflow, WorkflowRun, labels};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{Change, Stores, kicks::Kick};

/// A plan concerns itself, its tenants, and their runs that wait.
pub(super) fn plan(stores: &Stores, change: &Change<Plan>) -> Vec<Kick> {
    let name = change.object().name_any();
    let tenants = stores.tenants.state_filter(|tenant| tenant.spec.plan_ref.name == name);
    let runs = tenants.iter().flat_map(|tenant| waiting_of(stores, tenant));
    let mut kicks: Vec<_> = runs.collect();
    kicks.extend(tenants.iter().map(|tenant| Kick::Tenant(ObjectRef::from_obj(tenant.as_ref()))));
    kicks.push(Kick::Plan(ObjectRef::new(&name)));
    kicks
}

/// A tenant concerns itself, its plan, its workflows and its unfinished runs.
pub(super) fn tenant(stores: &Stores, change: &Change<Tenant>) -> Vec<Kick> {
    let tenant = change.object();
    let runs = stores.runs_in(&crate::tenant::namespace_name(tenant));
    let mut kicks: Vec<_> = runs.iter().map(|run| Kick::run(run)).collect();
    let workflows = stores.workflows.state_filter(|workflow| {
        workflow.namespace().as_deref() == Some(crate::tenant::namespace_name(tenant).as_str())
    });
    kicks.extend(workflows.iter().map(|workflow| Kick::Workflow(ObjectRef::from_obj(workflow.as_ref()))));
    kicks.push(Kick::Plan(ObjectRef::new(&tenant.spec.plan_ref.name)));
    kicks.push(Kick::Tenant(ObjectRef::from_obj(tenant.as_ref())));
    kicks
}

/// A workflow concerns itself, and its runs that have not started.
pub(super) fn workflow(stores: &Stores, change: &Change<Workflow>) -> Vec<Kick> {
    let workflow = change.object();
    let (namespace, name) = (workflow.namespace(), workflow.name_any());
    let runs = stores
        .runs
        .state_filter(|run| run.namespace() == namespace && run.spec.workflow_ref.name == name && waits(run));
    let mut kicks: Vec<_> = runs.iter().map(|run| Kick::run(run)).collect();
    kicks.push(Kick::Workflow(ObjectRef::from_obj(workflow.as_ref())));
    kicks
}

/// A run concerns itself; one that left is to be looked up and cleared away after.
pub(super) fn run(change: &Change<WorkflowRun>) -> Vec<Kick> {
    match change {
        Change::Seen(run) => vec![Kick::run(run)],
        Change::Gone(run) => vec![Kick::Left(ObjectRef::from_obj(run.as_ref()))],
    }
}

/// A pod concerns its run; one that is gone has made room, and so concerns the runs that wait for room too.
pub(super) fn pod(stores: &Stores, change: &Change<Pod>) -> Vec<Kick> {
    let pod = change.object();
    let (Some(namespace), Some(run)) = (pod.namespace(), pod.labels().get(labels::RUN)) else {
        return Vec::new();
    };
    let mut kicks = vec![Kick::Run(ObjectRef::new(run).within(&namespace))];
    if matches!(change, Change::Gone(_)) {
        let waiting = stores.runs_in(&namespace).into_iter().filter(|run| waits_for_room(run));
        kicks.extend(waiting.map(|run| Kick::run(&run)));
    }
    kicks
}

/// A node concerns the runs of its pods.
pub(super) fn node(stores: &Stores, change: &Change<Node>) -> Vec<Kick> {
    let name = change.object().name_any();
    let on_it = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&name);
    let pods = stores.pods.state_filter(on_it);
    let run = |pod: &Pod| {
        let run = pod.labels().get(labels::RUN)?;
        Some(Kick::Run(ObjectRef::new(run).within(&pod.namespace()?)))
    };
    pods.iter().filter_map(|pod| run(pod)).collect()
}

fn waiting_of(stores: &Stores, tenant: &Tenant) -> Vec<Kick> {
    let runs = stores.runs_in(&crate::tenant::namespace_name(tenant));
    runs.iter().filter(|run| waits(run)).map(|run| Kick::run(run)).collect()
}

fn waits(run: &WorkflowRun) -> bool {
    run.status.as_ref().is_none_or(|status| status.runner.is_none())
}

fn waits_for_room(run: &WorkflowRun) -> bool {
    let queue = run.status.as_ref().and_then(|status| status.queue.as_ref());
    queue.is_some_and(|queue| queue.reason == crate::run::CLUSTER_FULL)
}
