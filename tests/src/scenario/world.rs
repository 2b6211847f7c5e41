//! What all scenarios share: the cluster, its runs and workflows as a watch sees them, and tenants.

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
    recorder, tenant,
    versions::{Sizes, Versions},
};
use crate::cluster;

/// Some times what the slowest scenario takes on two cores, with the others, and with builds, beside it.
pub(super) const DEADLINE: Duration = Duration::from_secs(300);
/// The slug of the tenant of scenarios that have no plan of their own.
pub(super) const SHARED_TENANT: &str = "scenarios";

/// What all scenarios share.
pub struct World {
    pub(super) client: Client,
    pub(super) runs: Store<WorkflowRun>,
    versions: Arc<Versions>,
    pub(super) workflows: Store<Workflow>,
    shared: OnceCell<String>,
}

impl World {
    /// Starts to watch the cluster, and deploys the recording server.
    ///
    /// # Errors
    /// There is no cluster, or the server does not come up.
    pub async fn enter() -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        recorder::deploy(&client).await?;
        let versions = Arc::new(Versions::default());
        let note = {
            let versions = Arc::clone(&versions);
            move |run: &WorkflowRun| versions.note(run)
        };
        let (runs, workflows) = (watch(&client, note), watch(&client, |_: &Workflow| ()));
        runs.wait_until_ready().await.context("the watch of runs ended")?;
        workflows.wait_until_ready().await.context("the watch of workflows ended")?;
        Ok(Self { client, runs, versions, workflows, shared: OnceCell::new() })
    }

    /// The namespace for a scenario: of a tenant of its own if its plan differs.
    pub(super) async fn namespace(&self, id: &str, plan: Option<&Value>) -> anyhow::Result<String> {
        match plan {
            Some(plan) => tenant::make(&self.client, id, plan).await,
            None => {
                let make = || tenant::make(&self.client, SHARED_TENANT, &Value::Null);
                Ok(self.shared.get_or_try_init(make).await?.clone())
            }
        }
    }

    pub(super) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A run as the watch saw it last.
    pub(super) fn run(&self, namespace: &str, name: &str) -> Option<WorkflowRun> {
        self.runs.get(&ObjectRef::new(name).within(namespace)).map(|run| (*run).clone())
    }

    /// How large the versions of a run were so far.
    pub(super) fn sizes(&self, run: &WorkflowRun) -> Sizes {
        self.versions.of(run)
    }
}

/// A store that follows the cluster for as long as this process lives.
fn watch<K>(client: &Client, seen: impl Fn(&K) + Send + 'static) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    K::DynamicType: Hash + Eq,
{
    let (store, writer) = reflector::store();
    let objects = watcher(Api::<K>::all(client.clone()), watcher::Config::default());
    let stream = reflector(writer, objects).default_backoff().for_each(move |event| {
        if let Ok(watcher::Event::Apply(object)) = &event {
            seen(object);
        }
        future::ready(())
    });
    tokio::spawn(stream);
    store
}
