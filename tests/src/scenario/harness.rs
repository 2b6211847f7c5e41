//! Test harness that all scenarios share: the cluster, watches of its runs and workflows, and tenants.

use std::{hash::Hash, sync::Arc, time::Duration};

use anyhow::Context as _;
use crds::{Workflow, WorkflowRun};
use futures::{StreamExt as _, future};
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _, reflector,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    object_sizes::{AllSizes, ObjectSizes},
    recorder, tenant,
};
use crate::cluster;

/// Deadline of a wait: some times the duration of the slowest scenario on two cores beside the others and a
/// build.
pub(super) const DEADLINE: Duration = Duration::from_secs(300);
/// Slug of the tenant of all scenarios without a plan of their own.
pub(super) const SHARED_TENANT: &str = "scenarios";

/// Shared state of all scenarios.
pub struct Harness {
    pub(super) client: Client,
    pub(super) runs: Store<WorkflowRun>,
    sizes: Arc<AllSizes>,
    pub(super) workflows: Store<Workflow>,
    shared: OnceCell<String>,
}

impl Harness {
    /// Starts to watch the cluster and deploys the recording server.
    ///
    /// # Errors
    /// Returns an error if there is no cluster, or if the recording server does not become ready.
    pub async fn start() -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        recorder::deploy(&client).await?;
        let sizes = Arc::new(AllSizes::default());
        let record = {
            let sizes = Arc::clone(&sizes);
            move |run: &WorkflowRun| sizes.record(run)
        };
        let (runs, workflows) = (watch(&client, record), watch(&client, |_: &Workflow| ()));
        runs.wait_until_ready().await.context("the watch of runs ended")?;
        workflows.wait_until_ready().await.context("the watch of workflows ended")?;
        Ok(Self { client, runs, sizes, workflows, shared: OnceCell::new() })
    }

    /// Returns the namespace for a scenario: that of a tenant of its own if the scenario has a plan,
    /// otherwise the shared one.
    pub(super) async fn namespace(&self, id: &str, plan: Option<&Value>) -> anyhow::Result<String> {
        match plan {
            Some(plan) => tenant::apply(&self.client, id, plan).await,
            None => {
                let apply = || tenant::apply(&self.client, SHARED_TENANT, &Value::Null);
                Ok(self.shared.get_or_try_init(apply).await?.clone())
            }
        }
    }

    /// Returns the API for a kind in a namespace.
    pub(super) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Returns the last state of a run that the watch delivered.
    pub(super) fn run(&self, namespace: &str, name: &str) -> Option<WorkflowRun> {
        self.runs.get(&ObjectRef::new(name).within(namespace)).map(|run| (*run).clone())
    }

    /// Returns the sizes of a run so far.
    pub(super) fn sizes(&self, run: &WorkflowRun) -> ObjectSizes {
        self.sizes.sizes_of_run(run)
    }
}

/// Starts a watch that runs until the process ends and calls `on_apply` with every version of an object.
/// Returns its store.
fn watch<K>(client: &Client, on_apply: impl Fn(&K) + Send + 'static) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    K::DynamicType: Hash + Eq,
{
    let (store, writer) = reflector::store();
    let objects = watcher(Api::<K>::all(client.clone()), watcher::Config::default());
    let stream = reflector(writer, objects).default_backoff().for_each(move |event| {
        if let Ok(watcher::Event::Apply(object)) = &event {
            on_apply(object);
        }
        future::ready(())
    });
    tokio::spawn(stream);
    store
}
