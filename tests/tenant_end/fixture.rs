//! The tenant of a test.

use anyhow::Context as _;
use crds::{Plan, Tenant, Workflow, WorkflowRun};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tests::{
    cluster::{client, unique},
    qdrant_process,
    wait::until,
};

use super::{DEADLINE, platform::Platform};

/// Finalizer that no controller of the cluster removes.
const FOREIGN: &str = "acme.example/hold";

/// A tenant with a workflow and a finished run, of which the database has a record.
pub(super) struct Fixture {
    pub(super) client: Client,
    pub(super) slug: String,
    pub(super) tenants: Api<Tenant>,
    pub(super) namespaces: Api<Namespace>,
    config_maps: Api<ConfigMap>,
    /// Pool that can read every row.
    pub(super) owner: PgPool,
    pub(super) platform: &'static Platform,
}

impl Fixture {
    /// Starts the platform unless it is running, and creates a tenant with a workflow, a run that has finished and a large output of it.
    pub(super) async fn new(prefix: &str) -> anyhow::Result<Self> {
        let client = client().await?;
        qdrant_process::ensure_unless_stopped()?;
        let platform = Platform::shared().await?;
        let slug = unique(prefix);
        let namespace = format!("t-{slug}");
        let fixture = Self {
            tenants: Api::all(client.clone()),
            namespaces: Api::all(client.clone()),
            config_maps: Api::namespaced(client.clone(), &namespace),
            client,
            slug,
            owner: platform.connect().await?,
            platform,
        };
        fixture.create_tenant().await?;
        fixture.store_run(&namespace).await?;
        Ok(fixture)
    }

    async fn create_tenant(&self) -> anyhow::Result<()> {
        create(&Api::<Plan>::all(self.client.clone()), "Plan", &self.slug, json!({})).await?;
        create(&self.tenants, "Tenant", &self.slug, json!({"planRef": {"name": self.slug}})).await?;
        self.until_condition("Ready", "True").await.map(drop)
    }

    /// Creates a workflow and a run that has finished, and an output of it in object storage.
    async fn store_run(&self, namespace: &str) -> anyhow::Result<()> {
        let workflows: Api<Workflow> = Api::namespaced(self.client.clone(), namespace);
        let steps = json!({"steps": [{"name": "one", "expr": {"value": "${{ 1 }}"}}]});
        create(&workflows, "Workflow", "intake", steps).await?;
        let runs: Api<WorkflowRun> = Api::namespaced(self.client.clone(), namespace);
        create(&runs, "WorkflowRun", "order-7", json!({"workflowRef": {"name": "intake"}})).await?;
        let now = telemetry::clock::now().to_string();
        let finished = json!({"status": {"phase": "Succeeded", "finishedAt": now}});
        let written = async || {
            runs.patch_status("order-7", &PatchParams::default(), &Patch::Merge(&finished)).await?;
            self.count("select count(*) from workflow_runs t where finished and name = 'order-7'").await
        };
        until("the finished run is mirrored", DEADLINE, written, |count| *count == 1).await?;
        let stored: (String, String) = sqlx::query_as(
            "insert into stored_outputs select tenant_id, uid, repeat('a', 64), 'smb-object:///outputs/' || tenant_id || '/' || uid
               || '/' || repeat('a', 64), 5, 'text/plain', now() from workflow_runs
             where name = 'order-7' and tenant_id = (select id from tenants where slug = $1)
             returning tenant_id::text, run_uid::text",
        )
        .bind(&self.slug)
        .fetch_one(&self.owner)
        .await?;
        let file =
            self.platform.directory.join(format!("outputs/{}/{}/{}", stored.0, stored.1, "a".repeat(64)));
        std::fs::create_dir_all(file.parent().context("the folder of the output")?)?;
        std::fs::write(&file, "large")?;
        let events = async || self.count("select count(*) from events t where kind = 'WORKFLOW_RUN'").await;
        until("events are stored", DEADLINE, events, |count| *count > 0).await.map(drop)
    }

    /// Changes the spec of the tenant.
    pub(super) async fn patch(&self, spec: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.tenants.patch(&self.slug, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Waits until a condition has this status.
    pub(super) async fn until_condition(&self, kind: &str, status: &str) -> anyhow::Result<Condition> {
        let found = async || self.condition(kind).await;
        let holds = |found: &Option<Condition>| found.as_ref().is_some_and(|found| found.status == status);
        let found = until(&format!("{kind} is {status}"), DEADLINE, found, holds).await?;
        found.context("a condition that was found")
    }

    /// Waits until a condition has this reason.
    pub(super) async fn until_reason(&self, kind: &str, reason: &str) -> anyhow::Result<Condition> {
        let found = async || self.condition(kind).await;
        let holds = |found: &Option<Condition>| found.as_ref().is_some_and(|found| found.reason == reason);
        let found = until(&format!("{kind} has the reason {reason}"), DEADLINE, found, holds).await?;
        found.context("a condition that was found")
    }

    /// Returns a condition of the tenant.
    pub(super) async fn condition(&self, kind: &str) -> anyhow::Result<Option<Condition>> {
        let status = self.tenants.get(&self.slug).await?.status.unwrap_or_default();
        Ok(crds::conditions::get(&status.conditions, kind).cloned())
    }

    /// Waits until the tenant does not exist.
    pub(super) async fn until_gone(&self) -> anyhow::Result<()> {
        let found = async || Ok(self.tenants.get_opt(&self.slug).await?);
        until("the tenant is deleted", DEADLINE, found, Option::is_none).await.map(drop)
    }

    /// Returns the number of rows of this tenant that a query with one condition on its table `t` counts. The database has those of
    /// all tenants of the cluster.
    pub(super) async fn count(&self, query: &'static str) -> anyhow::Result<i64> {
        let own = format!("{query} and t.tenant_id = (select id from tenants where slug = $1)");
        Ok(sqlx::query_scalar(AssertSqlSafe(own)).bind(&self.slug).fetch_one(&self.owner).await?)
    }

    /// Returns the tenant's files in object storage: its stored outputs.
    pub(super) async fn outputs(&self) -> anyhow::Result<Vec<String>> {
        let id: String = sqlx::query_scalar("select id::text from tenants where slug = $1")
            .bind(&self.slug)
            .fetch_one(&self.owner)
            .await?;
        self.files(&format!("outputs/{id}"))
    }

    /// Returns the files in object storage below a folder.
    pub(super) fn files(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![self.platform.directory.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.display().to_string());
                }
            }
        }
        Ok(found)
    }

    /// Creates a ConfigMap in the namespace that cannot be deleted until [`Self::release`] is called.
    pub(super) async fn hold(&self) -> anyhow::Result<()> {
        let held = json!({"metadata": {"name": "held", "finalizers": [FOREIGN]}});
        self.config_maps.create(&PostParams::default(), &serde_json::from_value(held)?).await?;
        Ok(())
    }

    /// Lets the ConfigMap be deleted.
    pub(super) async fn release(&self) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        self.config_maps.patch("held", &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

async fn create<K>(api: &Api<K>, kind: &str, name: &str, spec: Value) -> anyhow::Result<K>
where
    K: Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let object = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
}
