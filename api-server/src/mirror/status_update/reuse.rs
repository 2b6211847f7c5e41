//! Copies reused steps into the status of runs that reuse an earlier run which no longer exists in
//! Kubernetes: only Postgres still has the record of it. The operator does the same if the earlier run still
//! exists, and admits no such run before its steps are copied. If Postgres has no such run either, the status reports it,
//! and the operator fails the new run.

use std::time::Duration;

use crds::{
    WorkflowSpec,
    run::{QueueReason, Reuse, StepStatus},
};
use domain::workflow::{ValidationContext, validate};
use jiff::Timestamp;
use kube::api::Patch;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PAGE_SIZE, PendingUpdate, StatusPatch};
use crate::{db::MirrorPool, mirror::Error, project::Kind};

/// A run that waits for the steps of an earlier, deleted run, with the data of both.
pub(super) struct ReusedSteps {
    id: Uuid,
    name: String,
    namespace: String,
    resource_version: i64,
    reuse: Value,
    workflow: Value,
    /// ID of the earlier run; `None` if there is none.
    earlier: Option<Uuid>,
    steps: Option<Value>,
}

impl PendingUpdate for ReusedSteps {
    const ACTION: &'static str = "copy reused steps into a run";
    /// Interval between queries, much shorter than the 60 s after which the operator fails such a run.
    const INTERVAL: Duration = Duration::from_secs(10);

    /// Returns the runs that reuse a run whose object was deleted or never existed. Names can be reused: the newest record
    /// with that name that is older than the new run counts.
    async fn due(pool: &MirrorPool, after: Uuid) -> Result<Vec<Self>, Error> {
        sqlx::query_as!(
            Self,
            r#"select r.id, r.name, t.namespace, r.resource_version, r.reuse as "reuse!", w.spec as workflow,
                      coalesce(e.uid, e.id) as earlier, e.steps as "steps?"
               from workflow_runs r
               join tenants t on t.id = r.tenant_id and t.deleted_at is null
               join workflows w on w.tenant_id = r.tenant_id and w.name = r.workflow_name
               left join lateral (
                 select id, uid, steps from workflow_runs e
                 where e.tenant_id = r.tenant_id and e.name = without_nul(r.reuse) ->> 'run' and e.workflow_name = r.workflow_name
                   and e.finished and not e.live and e.created_at <= r.created_at
                 order by e.created_at desc, e.id desc limit 1
               ) e on true
               where r.live and not r.finished and r.reuse is not null and r.reused is null and r.uid is not null
                 and not exists (
                   select from workflow_runs l
                   where l.tenant_id = r.tenant_id and l.name = without_nul(r.reuse) ->> 'run' and l.live
                 )
                 and r.id > $1
               order by r.id limit $2"#,
            after,
            PAGE_SIZE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find runs that reuse steps of deleted runs"))
    }

    fn id(&self) -> Uuid {
        self.id
    }

    /// Returns `None` if the steps cannot be read. The operator then fails the run with the reason.
    async fn patch(self, compute: &compute::Pool, _: Timestamp) -> Option<StatusPatch> {
        let (name, namespace) = (self.name.clone(), self.namespace.clone());
        let reason = match compute.run(&namespace, move || status_patch(&self)).await {
            Ok(Some(patch)) => {
                let (namespace, patch) = (Some(namespace), Patch::Merge(patch));
                return Some(StatusPatch { kind: Kind::WorkflowRun, namespace, name, patch });
            }
            Ok(None) => None,
            Err(error) => Some(telemetry::errors::chain(&error)),
        };
        tracing::warn!(
            run.name = name,
            run.namespace = namespace,
            error = reason,
            "the steps of a reused run cannot be read"
        );
        None
    }
}

/// Builds the patch of the new run's status, or returns `None` if the workflow or the record cannot be read.
fn status_patch(run: &ReusedSteps) -> Option<Value> {
    let reuse: Reuse = serde_json::from_value(run.reuse.clone()).ok()?;
    let status = match (run.earlier, &run.steps) {
        (Some(uid), Some(steps)) => copied_steps(run, uid, steps, &reuse)?,
        _ => not_found(&reuse.run),
    };
    Some(json!({"metadata": {"resourceVersion": run.resource_version.to_string()}, "status": status}))
}

fn not_found(earlier: &str) -> Value {
    let message = format!("run {earlier} is not in the database");
    json!({"queue": {"reason": QueueReason::EarlierRunNotFound.as_str(), "message": message}})
}

fn copied_steps(run: &ReusedSteps, uid: Uuid, steps: &Value, reuse: &Reuse) -> Option<Value> {
    let Reuse { run: _, from } = reuse;
    let workflow: WorkflowSpec = serde_json::from_value(run.workflow.clone()).ok()?;
    let workflow = validate(&workflow, &ValidationContext::default()).ok()?;
    let earlier: Vec<StepStatus> = serde_json::from_value(steps.clone()).ok()?;
    let steps = domain::run::reusable_steps(&workflow, &earlier, from);
    Some(json!({"reused": {"uid": uid, "steps": steps.len()}, "steps": steps}))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::testing::{delete, store},
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

    fn rerun(from: &Value) -> crate::project::Object {
        run("acme", "invoices", "again")
            .version(9)
            .created("2026-11-25T08:00:00Z")
            .spec("reuse", json!({"run": "first", "from": from}))
            .build()
    }

    /// A rerun of a run that was deleted in Kubernetes reuses the steps of its record.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_reuses_the_steps_of_a_deleted_run(owner: PgPool) {
        let earlier = failed("first", 5);
        let workflow = workflow("acme", "invoices").spec("steps", workflow_of_two()).build();
        store(&owner, [tenant("acme").build(), workflow, earlier.clone(), rerun(&json!("Failed"))]).await;
        let pool = mirror_pool(&owner).await;
        assert!(
            ReusedSteps::due(&pool, Uuid::nil()).await.unwrap().is_empty(),
            "the operator copies the steps of a run that still exists"
        );
        delete(&owner, &earlier, 8).await;
        let found = ReusedSteps::due(&pool, Uuid::nil()).await.unwrap();
        let patch = status_patch(&found[0]).unwrap();
        assert_eq!(patch["metadata"], json!({"resourceVersion": "9"}));
        assert_eq!(patch["status"]["reused"], json!({"uid": uid("first"), "steps": 1}));
        let steps = &patch["status"]["steps"];
        assert_eq!((steps.as_array().unwrap().len(), &steps[0]["output"]), (1, &json!(41)));
    }

    /// A NUL in a run keeps no other run from its steps, and the run itself from none.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_nul_of_one_run_stops_no_other(owner: PgPool) {
        let earlier = failed("first", 5);
        let workflow = workflow("acme", "invoices").spec("steps", workflow_of_two()).build();
        let with_nul = run("acme", "invoices", "nul")
            .version(8)
            .created("2026-11-25T08:00:00Z")
            .spec("reuse", json!({"run": "first", "from": ["\0"]}))
            .build();
        store(&owner, [tenant("acme").build(), workflow, earlier.clone(), with_nul, rerun(&json!("Failed"))])
            .await;
        delete(&owner, &earlier, 10).await;
        let found = ReusedSteps::due(&mirror_pool(&owner).await, Uuid::nil()).await.unwrap();
        let mut names: Vec<_> = found.iter().map(|run| (run.name.as_str(), run.earlier)).collect();
        names.sort_unstable();
        assert_eq!(names, [("again", Some(uid("first"))), ("nul", Some(uid("first")))]);
    }

    /// A run that reuses a run that never existed learns it from its status.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_that_never_existed_is_reported(owner: PgPool) {
        let workflow = workflow("acme", "invoices").spec("steps", workflow_of_two()).build();
        store(&owner, [tenant("acme").build(), workflow, rerun(&json!("Failed"))]).await;
        let found = ReusedSteps::due(&mirror_pool(&owner).await, Uuid::nil()).await.unwrap();
        let patch = status_patch(&found[0]).unwrap();
        assert_eq!(patch["metadata"], json!({"resourceVersion": "9"}));
        let queue = json!({"reason": "EarlierRunNotFound", "message": "run first is not in the database"});
        assert_eq!(patch["status"], json!({"queue": queue}));
    }

    /// Steps are copied into a run only once.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_with_copied_steps_needs_no_update(owner: PgPool) {
        let earlier = failed("first", 5);
        let reused = run("acme", "invoices", "again")
            .version(9)
            .created("2026-11-25T08:00:00Z")
            .spec("reuse", json!({"run": "first", "from": "Failed"}))
            .status(json!({"phase": "Queued", "reused": {"uid": uid("first"), "steps": 1}}));
        store(&owner, [tenant("acme").build(), workflow("acme", "invoices").build(), earlier.clone()]).await;
        store(&owner, [reused.build()]).await;
        delete(&owner, &earlier, 8).await;
        assert!(ReusedSteps::due(&mirror_pool(&owner).await, Uuid::nil()).await.unwrap().is_empty());
    }
}
