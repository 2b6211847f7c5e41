//! What the servers answer about: a tenant with workflows in Kubernetes, and their finished runs in a database.

use std::fmt::Debug;

use crds::{Plan, Tenant, Workflow, WorkflowRun};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::PgPool;
use tests::{cluster, database::TestDatabase};
use uuid::Uuid;

/// Number of workflows of the tenant.
const WORKFLOWS: usize = 50;
/// Statement that stores finished runs as the mirror does, evenly distributed over the workflows. A run has about 1 KiB.
const STORE_RUNS: &str = r#"
    insert into workflow_runs (
      id, uid, tenant_id, name, workflow_name, workflow_id, revision, status, live, archived, trigger_kind, requested_by, trigger, input, output,
      steps, priority, generation, resource_version, created_at, updated_at, started_at, finished_at)
    select run.id, run.id, w.tenant_id, w.name || '-api-' || n, w.name, w.id, w.name || '-1',
           case when n % 10 = 0 then 'FAILED' else 'SUCCEEDED' end, false, true, 'API', 'anna@acme.example',
           '{"kind": "Api", "by": "anna@acme.example"}', json_build_object('text', repeat('x', 160)),
           json_build_object('text', repeat('x', 160)), steps.steps, 0, 1, n, run.at, run.at, run.at, run.at
    from generate_series(1, $1) n
    join (
      select *, row_number() over (order by id) - 1 as number from workflows where tenant_id = $3
    ) w on w.number = n % $2
    cross join lateral (select gen_random_uuid() as id, now() - n * interval '1 second' as at) run
    cross join (select json_agg(json_build_object('name', 'step-' || s, 'phase', 'Succeeded', 'attempt', 1,
      'output', json_build_object('text', repeat('x', 100)))) as steps from generate_series(1, 4) s) steps"#;

pub(crate) struct Platform {
    pub(crate) slug: String,
    pub(crate) namespace: String,
    pub(crate) database: TestDatabase,
    pub(crate) owner: PgPool,
}

impl Platform {
    /// Creates the tenant and its workflows in Kubernetes, and an empty database.
    pub(crate) async fn create() -> anyhow::Result<Self> {
        let client = cluster::client().await?;
        let slug = cluster::unique("bench");
        let namespace = format!("t-{slug}");
        let limits =
            json!({"displayName": "Bench", "limits": {"storedRuns": 1_000_000, "storedInputBytes": "1Gi"}});
        create::<Plan>(&Api::all(client.clone()), object("Plan", &slug, &limits)).await?;
        let spec = json!({"displayName": "Bakery", "planRef": {"name": slug}});
        let tenants: Api<Tenant> = Api::all(client.clone());
        create(&tenants, object("Tenant", &slug, &spec)).await?;
        let status = Patch::Merge(json!({"status": {"namespace": namespace}}));
        tenants.patch_status(&slug, &PatchParams::default(), &status).await?;
        let metadata = json!({"name": namespace, "labels": {"smbcopilot.dev/tenant": slug}});
        create::<Namespace>(&Api::all(client.clone()), json!({"metadata": metadata})).await?;
        let workflows: Api<Workflow> = Api::namespaced(client.clone(), &namespace);
        let spec = json!({"input": {"schema": {"type": "object"}}, "steps": [{"name": "one", "expr": {"value": "${{ input }}"}}]});
        for number in 0..WORKFLOWS {
            create(&workflows, object("Workflow", &format!("workflow-{number}"), &spec)).await?;
        }
        let database = TestDatabase::create(&cluster::unique("bench")).await?;
        Ok(Self { slug, namespace, owner: database.owner.clone(), database })
    }

    /// Stores finished runs of the workflows, which a server has mirrored.
    pub(crate) async fn store_runs(&self, tenant: Uuid, runs: i32) -> anyhow::Result<()> {
        let workflows = i32::try_from(WORKFLOWS)?;
        sqlx::query(STORE_RUNS).bind(runs).bind(workflows).bind(tenant).execute(&self.owner).await?;
        // PostGraphile knows the relation by this comment. It has no foreign key, because runs outlive their workflows.
        let relation =
            "comment on table workflow_runs is E'@foreignKey (workflow_id) references workflows (id)'";
        for statement in [relation, "vacuum analyze"] {
            sqlx::raw_sql(statement).execute(&self.owner).await?;
        }
        Ok(())
    }

    /// Returns the ID of the tenant, once it is mirrored.
    pub(crate) async fn tenant_id(&self) -> anyhow::Result<Uuid> {
        let id = sqlx::query_scalar("select id from tenants where slug = $1").bind(&self.slug);
        Ok(id.fetch_one(&self.owner).await?)
    }

    /// Returns the IDs of some runs, and that of a workflow.
    pub(crate) async fn ids(&self, tenant: Uuid) -> anyhow::Result<(Vec<Uuid>, Uuid)> {
        let runs =
            sqlx::query_scalar("select id from workflow_runs where tenant_id = $1 limit 1000").bind(tenant);
        let workflow =
            sqlx::query_scalar("select id from workflows where tenant_id = $1 limit 1").bind(tenant);
        let (runs, workflow) = (runs.fetch_all(&self.owner).await?, workflow.fetch_one(&self.owner).await?);
        Ok((runs, workflow))
    }
}

/// Creates a run in Kubernetes as the api-server does.
pub(crate) async fn create_run(client: &Client, namespace: &str) -> anyhow::Result<()> {
    let runs: Api<WorkflowRun> = Api::namespaced(client.clone(), namespace);
    let spec = json!({"workflowRef": {"name": "workflow-0"}, "input": {"total": 12.5},
                      "trigger": {"kind": "Api", "by": "anna@acme.example"}});
    create(&runs, object("WorkflowRun", &cluster::unique("run"), &spec)).await.map(drop)
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

async fn create<K>(api: &Api<K>, object: Value) -> anyhow::Result<K>
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
}
