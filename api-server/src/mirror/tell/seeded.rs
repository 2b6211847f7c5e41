//! Runs that take over outputs of a run which Kubernetes has forgotten: the record of it is here, so its steps are put
//! into the new run's status here. The operator does the same where the earlier run is still there, and admits neither
//! before that.

use std::time::Duration;

use crds::{
    WorkflowSpec,
    run::{Reuse, StepStatus},
};
use domain::workflow::{ValidationContext, validate};
use jiff::Timestamp;
use kube::api::Patch;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PAGE, Row, Write};
use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// A run that waits for outputs of an earlier one which is gone, and what is known of the two.
pub(super) struct Seeded {
    id: Uuid,
    name: String,
    namespace: String,
    resource_version: i64,
    reuse: Value,
    workflow: Value,
    earlier: Uuid,
    steps: Value,
}

impl Row for Seeded {
    const ACTION: &'static str = "seed a run";
    /// The operator gives up on such a run after 60 s.
    const SWEEP: Duration = Duration::from_secs(10);

    /// The runs that take over from a run whose object is gone. Names may be used again: the youngest record of that name
    /// that is older than the new run counts.
    async fn due(pool: &MirrorPool, after: Uuid) -> Result<Vec<Self>, Error> {
        sqlx::query_as!(
            Self,
            r#"select r.id, r.name, t.namespace, r.resource_version, r.reuse as "reuse!", w.spec as workflow,
                      coalesce(e.uid, e.id) as "earlier!", e.steps
               from workflow_runs r
               join tenants t on t.id = r.tenant_id and t.deleted_at is null
               join workflows w on w.tenant_id = r.tenant_id and w.name = r.workflow_name
               cross join lateral (
                 select id, uid, steps from workflow_runs e
                 where e.tenant_id = r.tenant_id and e.name = r.reuse ->> 'run' and e.workflow_name = r.workflow_name
                   and e.finished and not e.live and e.created_at <= r.created_at
                 order by e.created_at desc, e.id desc limit 1
               ) e
               where r.live and not r.finished and r.reuse is not null and r.reused is null and r.uid is not null
                 and not exists (
                   select from workflow_runs l
                   where l.tenant_id = r.tenant_id and l.name = r.reuse ->> 'run' and l.live
                 )
                 and r.id > $1
               order by r.id limit $2"#,
            after,
            PAGE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find runs that take over outputs"))
    }

    fn id(&self) -> Uuid {
        self.id
    }

    /// What cannot be seeded is left to the operator, which fails the run and says why.
    fn write(&self, _: Timestamp) -> Option<Write> {
        let Self { name, namespace, .. } = self;
        let Some(patch) = patch(self) else {
            tracing::warn!(
                run.name = name,
                run.namespace = namespace,
                "the steps of an earlier run cannot be read"
            );
            return None;
        };
        let (namespace, patch) = (Some(namespace.clone()), Patch::Merge(patch));
        Some(Write { kind: Kind::WorkflowRun, namespace, name: name.clone(), patch })
    }
}

/// What is written to the new run; nothing where workflow or record cannot be read.
fn patch(run: &Seeded) -> Option<Value> {
    let Reuse { run: _, from } = serde_json::from_value(run.reuse.clone()).ok()?;
    let workflow: WorkflowSpec = serde_json::from_value(run.workflow.clone()).ok()?;
    let workflow = validate(&workflow, &ValidationContext::default()).ok()?;
    let earlier: Vec<StepStatus> = serde_json::from_value(run.steps.clone()).ok()?;
    let taken = domain::run::reuse(&workflow, &earlier, &from);
    Some(json!({
        "metadata": {"resourceVersion": run.resource_version.to_string()},
        "status": {"reused": {"uid": run.earlier, "steps": taken.len()}, "steps": taken},
    }))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::testing::{forget, store},
        project::testing::{run, tenant, uid, workflow},
    };

    fn workflow_of_two() -> Value {
        json!([
            {"name": "fetch", "expr": {"value": 1}},
            {"name": "total", "needs": ["fetch"], "expr": {"value": "${{ steps.fetch.output }}"}},
        ])
    }

    fn failed(name: &str, version: i64) -> crate::project::Object {
        let steps = json!([
            {"name": "fetch", "phase": "Succeeded", "attempt": 1, "output": 41},
            {"name": "total", "phase": "Failed", "attempt": 3},
        ]);
        run("acme", "invoices", name)
            .version(version)
            .status(json!({"phase": "Failed", "steps": steps, "finishedAt": "2026-11-24T08:00:09Z"}))
            .build()
    }

    fn again(from: &Value) -> crate::project::Object {
        run("acme", "invoices", "again")
            .version(9)
            .created("2026-11-25T08:00:00Z")
            .spec("reuse", json!({"run": "first", "from": from}))
            .build()
    }

    /// A rerun of a run that Kubernetes has forgotten begins from nothing, or is failed as unknown.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_takes_over_from_the_record_of_one_that_is_gone(owner: PgPool) {
        let earlier = failed("first", 5);
        let workflow = workflow("acme", "invoices").spec("steps", workflow_of_two()).build();
        store(&owner, [tenant("acme").build(), workflow, earlier.clone(), again(&json!("Failed"))]).await;
        let pool = mirror_pool(&owner).await;
        assert!(
            Seeded::due(&pool, Uuid::nil()).await.unwrap().is_empty(),
            "the earlier run is the operator's"
        );
        forget(&owner, &earlier, 8).await;
        let found = Seeded::due(&pool, Uuid::nil()).await.unwrap();
        let patch = patch(&found[0]).unwrap();
        assert_eq!(patch["metadata"], json!({"resourceVersion": "9"}));
        assert_eq!(patch["status"]["reused"], json!({"uid": uid("first"), "steps": 1}));
        let steps = &patch["status"]["steps"];
        assert_eq!((steps.as_array().unwrap().len(), &steps[0]["output"]), (1, &json!(41)));
    }

    /// A run takes over again and again, or from another run of that name.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_that_has_taken_over_is_left_alone(owner: PgPool) {
        let earlier = failed("first", 5);
        let seeded = run("acme", "invoices", "again")
            .version(9)
            .created("2026-11-25T08:00:00Z")
            .spec("reuse", json!({"run": "first", "from": "Failed"}))
            .status(json!({"phase": "Queued", "reused": {"uid": uid("first"), "steps": 1}}));
        store(&owner, [tenant("acme").build(), workflow("acme", "invoices").build(), earlier.clone()]).await;
        store(&owner, [seeded.build()]).await;
        forget(&owner, &earlier, 8).await;
        assert!(Seeded::due(&mirror_pool(&owner).await, Uuid::nil()).await.unwrap().is_empty());
    }
}
