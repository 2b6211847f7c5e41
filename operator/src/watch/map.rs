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
    kicks.extend(tenants.iter().flat_map(|tenant| workflows_of(stores, tenant)).map(Kick::Pool));
    kicks.push(Kick::Plan(ObjectRef::new(&name)));
    kicks
}

/// A tenant concerns itself, its plan, its workflows and its unfinished runs.
pub(super) fn tenant(stores: &Stores, change: &Change<Tenant>) -> Vec<Kick> {
    let tenant = change.object();
    let runs = stores.runs_in(&crate::tenant::namespace_name(tenant));
    let mut kicks: Vec<_> = runs.iter().map(|run| Kick::run(run)).collect();
    let workflows = workflows_of(stores, tenant);
    kicks.extend(workflows.iter().cloned().map(Kick::Pool));
    kicks.extend(workflows.into_iter().map(Kick::Workflow));
    kicks.push(Kick::Plan(ObjectRef::new(&tenant.spec.plan_ref.name)));
    kicks.push(Kick::Tenant(ObjectRef::from_obj(tenant.as_ref())));
    kicks
}

fn workflows_of(stores: &Stores, tenant: &Tenant) -> Vec<ObjectRef<Workflow>> {
    let namespace = crate::tenant::namespace_name(tenant);
    let of_tenant =
        stores.workflows.state_filter(|workflow| workflow.namespace().as_ref() == Some(&namespace));
    of_tenant.iter().map(|workflow| ObjectRef::from_obj(workflow.as_ref())).collect()
}

/// A workflow concerns itself, its idle runners, its runs that have not started, and the workflows that run it.
pub(super) fn workflow(stores: &Stores, change: &Change<Workflow>) -> Vec<Kick> {
    let workflow = change.object();
    let (namespace, name) = (workflow.namespace(), workflow.name_any());
    let runs = stores
        .runs
        .state_filter(|run| run.namespace() == namespace && run.spec.workflow_ref.name == name && waits(run));
    let mut kicks: Vec<_> = runs.iter().map(|run| Kick::run(run)).collect();
    let calls = |other: &Workflow| {
        let steps = other.spec.steps.iter().chain(&other.spec.on_exit);
        steps.filter_map(|step| step.workflow.as_ref()).any(|action| action.name == name)
    };
    let callers = stores.workflows.state_filter(|other| other.namespace() == namespace && calls(other));
    kicks.extend(callers.iter().map(|caller| Kick::Workflow(ObjectRef::from_obj(caller.as_ref()))));
    kicks.push(Kick::Workflow(ObjectRef::from_obj(workflow.as_ref())));
    kicks.push(Kick::Pool(ObjectRef::from_obj(workflow.as_ref())));
    kicks
}

/// A run concerns itself; one that left is to be looked up and cleared away after, its parent goes on, and its
/// sub-runs are wanted no more.
pub(super) fn run(stores: &Stores, change: &Change<WorkflowRun>) -> Vec<Kick> {
    match change {
        Change::Seen(run) => vec![Kick::run(run)],
        Change::Gone(run) => {
            let parent = run.spec.trigger.as_ref().and_then(|trigger| trigger.parent.as_ref());
            let parent = parent
                .zip(run.namespace())
                .map(|(parent, namespace)| Kick::Run(ObjectRef::new(&parent.name).within(&namespace)));
            let uid = run.metadata.uid.as_ref();
            let children = stores.runs.state_filter(|child| {
                let trigger = child.spec.trigger.as_ref();
                trigger
                    .and_then(|trigger| trigger.parent.as_ref())
                    .is_some_and(|parent| Some(&parent.uid) == uid)
            });
            let mut kicks: Vec<_> = parent.into_iter().collect();
            kicks.extend(children.iter().map(|child| Kick::run(child)));
            kicks.extend([Kick::Left(ObjectRef::from_obj(run.as_ref())), Kick::pool_of(run)]);
            kicks.extend(needed_an_old_revision(stores, run));
            kicks
        }
    }
}

/// The workflow of a run that was pinned to another revision than it has now: that may be superfluous now.
fn needed_an_old_revision(stores: &Stores, run: &WorkflowRun) -> Option<Kick> {
    let needed = run.status.as_ref()?.revision.as_ref()?;
    let workflow = ObjectRef::new(&run.spec.workflow_ref.name).within(run.metadata.namespace.as_deref()?);
    let current = stores.workflows.get(&workflow)?.status.as_ref()?.revision.clone()?;
    (current.name != needed.name).then_some(Kick::Workflow(workflow))
}

/// A pod concerns its run; one that is gone has made room, and so concerns the runs that wait for room too.
pub(super) fn pod(stores: &Stores, change: &Change<Pod>) -> Vec<Kick> {
    let pod = change.object();
    let mut kicks = of_pod(stores, pod);
    if matches!(change, Change::Gone(_)) {
        let namespace = pod.namespace().unwrap_or_default();
        let waiting = stores.runs_in(&namespace).into_iter().filter(|run| waits_for_room(run));
        kicks.extend(waiting.map(|run| Kick::run(&run)));
    }
    kicks
}

/// A node concerns the runs of its pods.
pub(super) fn node(stores: &Stores, change: &Change<Node>) -> Vec<Kick> {
    let name = change.object().name_any();
    let on_it = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) == Some(&name);
    stores.pods.state_filter(on_it).iter().flat_map(|pod| of_pod(stores, pod)).collect()
}

/// The run that a pod was made for; of one that stays also the run that has it now, and the idle ones of its workflow.
fn of_pod(stores: &Stores, pod: &Pod) -> Vec<Kick> {
    let namespace = pod.namespace().unwrap_or_default();
    let run = pod.annotations().get(crate::run::FOR_RUN).or_else(|| pod.labels().get(labels::RUN));
    let mut kicks: Vec<_> =
        run.map(|run| Kick::Run(ObjectRef::new(run).within(&namespace))).into_iter().collect();
    if pod.labels().contains_key(labels::POOL) {
        let held_by = |run: &WorkflowRun| {
            run.status.as_ref().and_then(|status| status.runner.as_ref()?.pod_uid.as_ref())
                == pod.metadata.uid.as_ref()
        };
        kicks.extend(stores.runs_in(&namespace).iter().filter(|run| held_by(run)).map(|run| Kick::run(run)));
        let workflow = pod.labels().get(labels::WORKFLOW);
        kicks.extend(workflow.map(|workflow| Kick::Pool(ObjectRef::new(workflow).within(&namespace))));
    }
    kicks
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
