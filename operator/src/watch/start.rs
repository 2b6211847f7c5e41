//! Kinds that are watched, with their selectors.

use std::convert::Infallible;

use crds::{labels, names, run::RunPhase};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, Node, Pod, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client,
    core::PartialObjectMeta,
    runtime::{reflector, watcher},
};
use strum::VariantArray as _;
use telemetry::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use super::{
    drift::DriftDetector,
    map,
    reflect::{Change, reflect},
    requeue::{ReconcileRequest, ReconcileRequests, RequestSender},
    stores::{Stores, Writers},
    unparsable_objects::UnparsableObjects,
};
use crate::{
    api::{PAGE_SIZE, Readable},
    names::RUNNER_FENCE,
};

/// Starts every watch as a task of its own.
pub(crate) fn start(
    tasks: &mut Tasks,
    client: &Client,
    requests: &ReconcileRequests,
    stores: &Stores,
    writers: Writers,
    stop: &CancellationToken,
) {
    let Writers { plans, tenants, workflows, runs, pods, nodes, fence_policies, fence_bindings } = writers;
    let unparsable = &stores.unparsable;
    let mut watches = Watches { tasks, client, requests, unparsable, stop };
    let stores = || stores.clone();
    let all = || watcher::Config::default().page_size(PAGE_SIZE);
    watches.add("watch plans", all(), plans, with(stores(), map::for_plan));
    watches.add("watch tenants", all(), tenants, with(stores(), map::for_tenant));
    watches.add("watch workflows", all(), workflows, with(stores(), map::for_workflow));
    watches.add("watch runs", all().fields(&unfinished_runs()), runs, with(stores(), map::for_run));
    watches.add::<Pod>("watch pods", all().labels(&runner_pods()), pods, with(stores(), map::for_pod));
    watches.add::<Node>("watch nodes", all(), nodes, with(stores(), map::for_node));
    // A run that waits for the fence is reconciled every second.
    let fence = || watcher::Config::default().fields(&format!("metadata.name={RUNNER_FENCE}"));
    watches.add("watch the policy of the runner fence", fence(), fence_policies, |_| Vec::new());
    watches.add("watch the binding of the runner fence", fence(), fence_bindings, |_| Vec::new());
    watches.add_child::<Namespace>("watch namespaces");
    watches.add_child::<ResourceQuota>("watch quotas");
    watches.add_child::<LimitRange>("watch limit ranges");
    watches.add_child::<NetworkPolicy>("watch network policies");
    watches.add_child::<RoleBinding>("watch role bindings");
    watches.add_child::<ServiceAccount>("watch service accounts");
    // The operator may watch only the ConfigMaps of this name.
    let tenant_config_maps = format!("metadata.name={}", names::TENANT_CONFIG_MAP);
    watches.add_selected_child::<ConfigMap>("watch config maps", children().fields(&tenant_config_maps));
}

struct Watches<'a> {
    tasks: &'a mut Tasks,
    client: &'a Client,
    requests: &'a ReconcileRequests,
    unparsable: &'a UnparsableObjects,
    stop: &'a CancellationToken,
}

impl Watches<'_> {
    fn add<K: Readable>(
        &mut self,
        name: &'static str,
        config: watcher::Config,
        writer: reflector::store::Writer<K>,
        map: impl Fn(&Change<K>) -> Vec<ReconcileRequest> + Send + Sync + 'static,
    ) {
        let api = Api::all(self.client.clone());
        let listener = RequestSender { requests: self.requests.clone(), map };
        let (unparsable, stop) = (self.unparsable.clone(), self.stop.clone());
        self.tasks.spawn(name, async move {
            reflect(api, config, writer, unparsable, listener, stop).await;
            Ok::<_, Infallible>(())
        });
    }

    /// Watches a kind that the operator creates in the namespaces of tenants. Only the metadata is received.
    fn add_child<K: Readable>(&mut self, name: &'static str)
    where
        PartialObjectMeta<K>: Readable,
    {
        self.add_selected_child(name, children());
    }

    fn add_selected_child<K: Readable>(&mut self, name: &'static str, config: watcher::Config)
    where
        PartialObjectMeta<K>: Readable,
    {
        let (_, writer) = reflector::store::<PartialObjectMeta<K>>();
        let drift = DriftDetector::default();
        self.add(name, config, writer, move |change| drift.requests(change));
    }
}

fn with<K>(
    stores: Stores,
    map: impl Fn(&Stores, &Change<K>) -> Vec<ReconcileRequest>,
) -> impl Fn(&Change<K>) -> Vec<ReconcileRequest> {
    move |change| map(&stores, change)
}

/// Selects the objects that the operator creates in the namespaces of tenants.
fn children() -> watcher::Config {
    watcher::Config::default().labels(labels::TENANT)
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
