//! Which kinds are watched, and how.

use std::{convert::Infallible, sync::Arc};

use crds::{labels, names, run::RunPhase};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, Node, Pod, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api,
    core::PartialObjectMeta,
    runtime::{reflector, watcher},
};
use strum::VariantArray as _;
use telemetry::tasks::Tasks;
use tokio_util::sync::CancellationToken;

use super::{
    Change, Stores, Writers,
    drift::Drift,
    kicks::{Kick, Kicks, Mapped},
    map,
    reflect::reflect,
};
use crate::{api::Readable, context::Context};

/// Starts every watch as a task of its own.
pub(crate) fn start(tasks: &mut Tasks, ctx: &Arc<Context>, writers: Writers, stop: &CancellationToken) {
    let Writers { plans, tenants, workflows, runs, pods, nodes } = writers;
    let mut watches = Watches { tasks, ctx, stop };
    let stores = || ctx.stores.clone();
    let all = watcher::Config::default;
    watches.add("watch plans", all(), plans, with(stores(), map::plan));
    watches.add("watch tenants", all(), tenants, with(stores(), map::tenant));
    watches.add("watch workflows", all(), workflows, with(stores(), map::workflow));
    watches.add("watch runs", all().fields(&unfinished()), runs, with(stores(), map::run));
    watches.add::<Pod>("watch pods", all().labels(&runners()), pods, with(stores(), map::pod));
    watches.add::<Node>("watch nodes", all(), nodes, with(stores(), map::node));
    watches.add_child::<Namespace>("watch namespaces");
    watches.add_child::<ResourceQuota>("watch quotas");
    watches.add_child::<LimitRange>("watch limit ranges");
    watches.add_child::<NetworkPolicy>("watch network policies");
    watches.add_child::<RoleBinding>("watch role bindings");
    watches.add_child::<ServiceAccount>("watch service accounts");
    // Of all ConfigMaps, the operator may watch those of this name.
    let settings = format!("metadata.name={}", names::TENANT_CONFIG_MAP);
    watches.add_child_of::<ConfigMap>("watch settings", children().fields(&settings));
}

struct Watches<'a> {
    tasks: &'a mut Tasks,
    ctx: &'a Arc<Context>,
    stop: &'a CancellationToken,
}

impl Watches<'_> {
    fn add<K: Readable>(
        &mut self,
        name: &'static str,
        config: watcher::Config,
        writer: reflector::store::Writer<K>,
        map: impl Fn(&Change<K>) -> Vec<Kick> + Send + Sync + 'static,
    ) {
        let api = Api::all(self.ctx.client.clone());
        let listener = Mapped { kicks: Kicks::clone(&self.ctx.kicks), map };
        let stop = self.stop.clone();
        self.tasks.spawn(name, async move {
            reflect(api, config, writer, listener, stop).await;
            Ok::<_, Infallible>(())
        });
    }

    /// A kind that we make in tenants' namespaces: only who it belongs to is kept.
    fn add_child<K: Readable>(&mut self, name: &'static str)
    where
        PartialObjectMeta<K>: Readable,
    {
        self.add_child_of(name, children());
    }

    fn add_child_of<K: Readable>(&mut self, name: &'static str, config: watcher::Config)
    where
        PartialObjectMeta<K>: Readable,
    {
        let (_, writer) = reflector::store::<PartialObjectMeta<K>>();
        let drift = Drift::default();
        self.add(name, config, writer, move |change| drift.kicks(change));
    }
}

fn with<K>(
    stores: Stores,
    map: impl Fn(&Stores, &Change<K>) -> Vec<Kick>,
) -> impl Fn(&Change<K>) -> Vec<Kick> {
    move |change| map(&stores, change)
}

/// What we make in tenants' namespaces.
fn children() -> watcher::Config {
    watcher::Config::default().labels(labels::TENANT)
}

/// Selects the pods that execute runs.
fn runners() -> String {
    let (ours, component) = (labels::MANAGED_BY, labels::RUNNER_COMPONENT);
    format!("{}={ours},{}={component}", labels::APP_MANAGED_BY, labels::APP_COMPONENT)
}

/// Selects the runs that have not ended; one without a status has no phase, and so is selected.
fn unfinished() -> String {
    let ended = RunPhase::VARIANTS.iter().copied().filter(|phase| phase.is_final());
    ended.map(|phase| format!("status.phase!={phase}")).collect::<Vec<_>>().join(",")
}
