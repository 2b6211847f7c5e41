//! Kinds that are watched, with their selectors.

use std::convert::Infallible;

use crds::{WorkflowRun, labels, names, run::RunPhase};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, Node, Pod, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client,
    runtime::{
        reflector::{self, ObjectRef},
        watcher,
    },
};
use strum::VariantArray as _;
use telemetry::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use super::{
    drift::for_child,
    map,
    reflect::{Change, Listener, Reflection, reflect},
    relevance::{Relevance, RelevanceFilter, Relevant},
    requeue::{ReconcileRequest, ReconcileRequests, RequestSender},
    stores::{Stores, Writers},
    unparsable_objects::UnparsableObjects,
};
use crate::{
    api::{PAGE_SIZE, Readable},
    names::RUNNER_FENCE,
    run_events::{self, RunEvents},
    state::{ChildMetadata, ChildObject, ObservedChildren, WatchedChild},
    unparsable::Unparsable,
};

/// Tokens of the watches of children, each of which is cancelled once its first list has been recorded.
pub(crate) type ChildrenListed = Vec<CancellationToken>;

/// What the watches read with, and what receives their changes.
#[derive(Clone, Copy)]
pub(crate) struct Receivers<'a> {
    pub(crate) client: &'a Client,
    pub(crate) requests: &'a ReconcileRequests,
    pub(crate) run_events: &'a RunEvents,
    pub(crate) stores: &'a Stores,
    pub(crate) children: &'a ObservedChildren,
}

/// Starts every watch as a task of its own.
pub(crate) fn start(
    tasks: &mut Tasks,
    receivers: Receivers<'_>,
    writers: Writers,
    stop: &CancellationToken,
) -> ChildrenListed {
    let Receivers { client, requests, run_events, stores, children } = receivers;
    let Writers {
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
    } = writers;
    let unparsable = &stores.unparsable;
    let mut watches = Watches { tasks, client, requests, unparsable, children, listed: Vec::new(), stop };
    let stores = || stores.clone();
    let all = || watcher::Config::default().page_size(PAGE_SIZE);
    let (plan, tenant, workflow) =
        (ReconcileRequest::Plan, ReconcileRequest::Tenant, ReconcileRequest::Workflow);
    watches.add("watch plans", all(), plans, relevant(stores(), plan, map::for_plan));
    watches.add("watch tenants", all(), tenants, relevant(stores(), tenant, map::for_tenant));
    watches.add("watch workflows", all(), workflows, relevant(stores(), workflow, map::for_workflow));
    watches.add_runs(runs, run_events.clone(), with(stores(), map::for_run));
    watches.add::<Pod>("watch pods", all().labels(&runner_pods()), pods, with(stores(), map::for_pod));
    watches.add::<Node>("watch nodes", all(), nodes, with(stores(), map::for_node));
    // A run that waits for the fence is reconciled every second.
    let fence = || watcher::Config::default().fields(&format!("metadata.name={RUNNER_FENCE}"));
    watches.add("watch the policy of the runner fence", fence(), fence_policies, |_| Vec::new());
    watches.add("watch the binding of the runner fence", fence(), fence_bindings, |_| Vec::new());
    watches.add_observed_child::<ChildMetadata<Namespace>>(
        "watch namespaces",
        labelled_children(),
        namespaces,
    );
    watches.add_observed_child::<ChildObject<ResourceQuota>>("watch quotas", labelled_children(), quotas);
    let endpoints = kubernetes_endpoints_selector();
    watches.add(
        "watch the addresses of Kubernetes",
        endpoints,
        kubernetes_endpoints,
        with(stores(), map::for_kubernetes_endpoints),
    );
    watches.add_child::<LimitRange>("watch limit ranges");
    watches.add_child::<NetworkPolicy>("watch network policies");
    watches.add_child::<RoleBinding>("watch role bindings");
    watches.add_child::<ServiceAccount>("watch service accounts");
    // The operator may watch only the ConfigMaps of this name.
    let tenant_config_maps = format!("metadata.name={}", names::TENANT_CONFIG_MAP);
    watches.add_selected_child::<ConfigMap>(
        "watch config maps",
        labelled_children().fields(&tenant_config_maps),
    );
    watches.listed
}

struct Watches<'a> {
    tasks: &'a mut Tasks,
    client: &'a Client,
    requests: &'a ReconcileRequests,
    unparsable: &'a UnparsableObjects,
    children: &'a ObservedChildren,
    /// Tokens of the watches of children.
    listed: ChildrenListed,
    stop: &'a CancellationToken,
}

impl Watches<'_> {
    fn add<K: Readable>(
        &mut self,
        name: &'static str,
        config: watcher::Config,
        writer: reflector::store::Writer<K>,
        map: impl Fn(&Change<K>) -> Vec<ReconcileRequest> + Send + Sync + 'static,
    ) -> CancellationToken {
        let listed = CancellationToken::new();
        let listener = RequestSender { requests: self.requests.clone(), map, listed: listed.clone() };
        self.add_listener(name, config, writer, |_| {}, listener);
        listed
    }

    /// Watches unfinished runs, and publishes Events about their changes.
    fn add_runs(
        &mut self,
        writer: reflector::store::Writer<WorkflowRun>,
        events: RunEvents,
        map: impl Fn(&Change<WorkflowRun>) -> Vec<ReconcileRequest> + Send + Sync + 'static,
    ) {
        let config = watcher::Config::default().page_size(PAGE_SIZE).fields(&unfinished_runs());
        let (requests, listed) = (self.requests.clone(), CancellationToken::new());
        let listener = EventPublisher { events, next: RequestSender { requests, map, listed } };
        self.add_listener("watch runs", config, writer, run_events::trim, listener);
    }

    fn add_listener<K: Readable>(
        &mut self,
        name: &'static str,
        config: watcher::Config,
        writer: reflector::store::Writer<K>,
        trim: fn(&mut K),
        listener: impl Listener<K> + Send + Sync + 'static,
    ) {
        let api = Api::all(self.client.clone());
        let (unparsable, stop) = (self.unparsable.clone(), self.stop.clone());
        self.tasks.spawn(name, async move {
            let reflection = Reflection::new(writer, unparsable, trim);
            reflect(api, config, reflection, listener, stop).await;
            Ok::<_, Infallible>(())
        });
    }

    /// Watches a kind that the operator creates in the namespaces of tenants. Only who has written an object is retained.
    fn add_child<K: Readable>(&mut self, name: &'static str)
    where
        ChildMetadata<K>: Readable,
    {
        self.add_selected_child(name, labelled_children());
    }

    fn add_selected_child<K: Readable>(&mut self, name: &'static str, config: watcher::Config)
    where
        ChildMetadata<K>: Readable,
    {
        let (_, writer) = reflector::store::<ChildMetadata<K>>();
        self.add_observed_child(name, config, writer);
    }

    fn add_observed_child<K: Readable + WatchedChild>(
        &mut self,
        name: &'static str,
        config: watcher::Config,
        writer: reflector::store::Writer<K>,
    ) {
        let children = self.children.clone();
        let listed = self.add(name, config, writer, move |change| for_child(&children, change));
        self.listed.push(listed);
    }
}

/// A listener that publishes Events about changed runs, and passes the changes on. The Events about the end of a run are
/// published when the run is released, since the watch does not show it.
struct EventPublisher<L> {
    events: RunEvents,
    next: L,
}

impl<L: Listener<WorkflowRun> + Sync> Listener<WorkflowRun> for EventPublisher<L> {
    type Requests = L::Requests;

    fn on_changes(&self, changes: Vec<Change<WorkflowRun>>) -> L::Requests {
        for change in &changes {
            if let Change::Applied { previous: Some(previous), current } = change {
                self.events.publish_change(previous, current);
            }
        }
        self.next.on_changes(changes)
    }

    fn on_listed(&self) {
        self.next.on_listed();
    }

    async fn send(&self, requests: L::Requests) {
        self.next.send(requests).await;
    }

    fn on_unparsable(&self, object: Unparsable) {
        self.next.on_unparsable(object);
    }
}

fn with<K>(
    stores: Stores,
    map: impl Fn(&Stores, &Change<K>) -> Vec<ReconcileRequest>,
) -> impl Fn(&Change<K>) -> Vec<ReconcileRequest> {
    move |change| map(&stores, change)
}

/// Maps the changes that something depends on: to the reconcile of the object alone, or to all that `map` returns.
fn relevant<K: Relevant<DynamicType = ()>>(
    stores: Stores,
    itself: impl Fn(ObjectRef<K>) -> ReconcileRequest,
    map: impl Fn(&Stores, &Change<K>) -> Vec<ReconcileRequest>,
) -> impl Fn(&Change<K>) -> Vec<ReconcileRequest> {
    let filter = RelevanceFilter::default();
    move |change| match filter.relevance(change) {
        Relevance::Nothing => Vec::new(),
        Relevance::Itself => vec![itself(ObjectRef::from_obj(change.object().as_ref()))],
        Relevance::Dependents => map(&stores, change),
    }
}

/// Selects the objects that the operator creates in the namespaces of tenants.
fn labelled_children() -> watcher::Config {
    watcher::Config::default().labels(labels::TENANT)
}

/// Selects the addresses of the Kubernetes API.
fn kubernetes_endpoints_selector() -> watcher::Config {
    let config = watcher::Config::default().fields("metadata.namespace=default");
    config.labels("kubernetes.io/service-name=kubernetes")
}

/// Returns the label selector of runner pods.
fn runner_pods() -> String {
    let (managed_by, component) = (labels::MANAGED_BY, labels::RUNNER_COMPONENT);
    format!("{}={managed_by},{}={component}", labels::APP_MANAGED_BY, labels::APP_COMPONENT)
}

/// Returns the field selector of unfinished runs. A run without a status has no phase, and so is selected.
fn unfinished_runs() -> String {
    let final_phases = RunPhase::VARIANTS.iter().copied().filter(|phase| phase.is_final());
    final_phases.map(|phase| format!("status.phase!={phase}")).collect::<Vec<_>>().join(",")
}
