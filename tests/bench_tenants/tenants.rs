//! The tenants of the benchmark.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crds::{Plan, Tenant, conditions, labels, names};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use tests::{kinds, operator_process, wait};

/// Name of the plan of all tenants.
const PLAN: &str = "bench";
/// Number of tenants that are created at the same time.
const CONCURRENT: usize = 16;
const LIST_INTERVAL: Duration = Duration::from_millis(500);
/// Ten times the goal of 120 s.
const DEADLINE: Duration = Duration::from_secs(1200);

pub(super) struct Tenants {
    client: Client,
    tenants: Api<Tenant>,
    plans: Api<Plan>,
}

/// Resource versions of tenants, plans, Events and all children, by their UIDs.
pub(super) struct Versions(BTreeMap<String, String>);

impl Versions {
    /// Returns the number of objects that were created or changed after an earlier point in time, or deleted.
    pub(super) fn changed_since(&self, before: &Self) -> usize {
        let written = self.0.iter().filter(|(uid, version)| before.0.get(*uid) != Some(version)).count();
        written + before.0.keys().filter(|uid| !self.0.contains_key(*uid)).count()
    }
}

/// Waits until the quota controller of the cluster counts runs and workflows, half a minute after their definitions were installed.
/// Until then, the operator looks every ten seconds.
pub(super) async fn until_objects_are_counted(client: &Client) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), operator_process::NAMESPACE);
    let probe =
        async || Ok(quotas.get(names::OBJECT_COUNT_PROBE).await?.status.and_then(|status| status.used));
    let counts =
        |used: &Option<BTreeMap<_, _>>| used.as_ref().is_some_and(|used| used.contains_key(names::RUN_COUNT));
    wait::until("runs are counted", DEADLINE, probe, counts).await.map(drop)
}

impl Tenants {
    /// Creates the plan.
    pub(super) async fn new(client: &Client) -> anyhow::Result<Self> {
        let (tenants, plans) = (Api::all(client.clone()), Api::all(client.clone()));
        let own = Self { client: client.clone(), tenants, plans };
        own.apply_plan("2").await?;
        Ok(own)
    }

    async fn apply_plan(&self, cpu: &str) -> anyhow::Result<Plan> {
        let plan = json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Plan", "metadata": {"name": PLAN},
            "spec": {
                "namespace": {"requests": {"cpu": cpu, "memory": "4Gi"}, "pods": 20},
                "network": {"egress": [{"cidr": "0.0.0.0/0", "ports": [443]}]},
            },
        });
        Ok(self.plans.patch(PLAN, &PatchParams::apply("bench").force(), &Patch::Apply(plan)).await?)
    }

    /// Changes the quota of the plan, and returns the new generation.
    pub(super) async fn change_plan(&self) -> anyhow::Result<i64> {
        Ok(self.apply_plan("3").await?.metadata.generation.unwrap_or_default())
    }

    /// Creates a tenant, and returns the time until it is ready.
    pub(super) async fn create_and_wait(&self, name: &str) -> anyhow::Result<Duration> {
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let watch = watcher(self.tenants.clone(), config).applied_objects();
        let begun = Instant::now();
        self.create(name).await?;
        let mut watch = std::pin::pin!(watch);
        while let Some(tenant) = watch.try_next().await? {
            if is_ready(&tenant) {
                return Ok(begun.elapsed());
            }
        }
        anyhow::bail!("the watch of tenant {name} has ended")
    }

    /// Creates tenants as fast as the API server accepts them.
    pub(super) async fn create_many(&self, count: usize) -> anyhow::Result<()> {
        let names = stream::iter((0..count).map(|index| format!("many-{index}")));
        names.map(anyhow::Ok).try_for_each_concurrent(CONCURRENT, async |name| self.create(&name).await).await
    }

    async fn create(&self, name: &str) -> anyhow::Result<()> {
        let tenant = serde_json::from_value(json!({
            "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": name}, "spec": {"planRef": {"name": PLAN}},
        }))?;
        self.tenants.create(&PostParams::default(), &tenant).await?;
        Ok(())
    }

    /// Waits until this number of tenants is ready.
    pub(super) async fn until_all_ready(&self, count: usize) -> anyhow::Result<()> {
        self.until("all tenants are ready", count, is_ready).await
    }

    /// Waits until this number of tenants has the given generation of the plan.
    pub(super) async fn until_all_have_plan(&self, count: usize, generation: i64) -> anyhow::Result<()> {
        let has_plan = |tenant: &Tenant| {
            let plan = tenant.status.as_ref().and_then(|status| status.plan.as_ref());
            plan.is_some_and(|plan| plan.generation == generation)
        };
        self.until("all tenants have the changed plan", count, has_plan).await
    }

    /// Returns the versions of the tenants, their plan and everything that the operator has made for them.
    pub(super) async fn versions(&self) -> anyhow::Result<Versions> {
        let mut versions = BTreeMap::new();
        for resource in kinds::served(&self.client).await? {
            if !resource.offers("list") {
                continue;
            }
            let is_own = resource.group == Plan::group(&()) || resource.name() == "events.events.k8s.io";
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource.api_resource());
            let label = format!("{}={}", labels::APP_MANAGED_BY, labels::MANAGED_BY);
            let children = ListParams::default().labels(&label);
            let listed = if is_own { ListParams::default() } else { children };
            for object in api.list_metadata(&listed).await? {
                let version = object.resource_version().unwrap_or_default();
                versions.insert(object.uid().unwrap_or_default(), version);
            }
        }
        Ok(Versions(versions))
    }

    async fn until(&self, what: &str, count: usize, holds: impl Fn(&Tenant) -> bool) -> anyhow::Result<()> {
        let matching = async || {
            // A list of a thousand tenants takes the API server some 50 ms.
            tokio::time::sleep(LIST_INTERVAL).await;
            let tenants = self.tenants.list(&ListParams::default()).await?;
            Ok(tenants.items.iter().filter(|tenant| holds(tenant)).count())
        };
        wait::until(what, DEADLINE, matching, |found| *found >= count).await?;
        Ok(())
    }
}

fn is_ready(tenant: &Tenant) -> bool {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions::get(conditions, conditions::READY).is_some_and(|ready| ready.status == conditions::TRUE)
}
