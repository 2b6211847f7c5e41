//! End of a run whose object was deleted before it had finished: its row becomes a record like that of any finished run, so
//! that nobody can make a run and its log disappear by deleting the object.

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::event::{self, ChangeKind, Event};
use crate::{db::Json, mirror::Error, project::Kind, store::RunStatus};

/// Phases of steps that have not finished.
const UNFINISHED: [&str; 3] = ["Pending", "Running", "Suspended"];

/// Ends the run of a row with the error `DELETED`, unless it has finished or its resource version is higher than `up_to`.
pub(super) async fn end(connection: &mut PgConnection, id: Uuid, up_to: i64) -> Result<(), Error> {
    let row = sqlx::query!(
        r#"select tenant_id, name, workflow_name, steps::text as "steps!" from workflow_runs
           where id = $1 and not finished and resource_version <= $2
           for update"#,
        id,
        up_to
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::database("find an unfinished run"))?;
    let Some(row) = row else { return Ok(()) };
    let status = RunStatus::Cancelled;
    let message = "the run was deleted in Kubernetes before it had finished";
    sqlx::query!(
        "update workflow_runs set status = $2, live = false, error = $3, steps = $4, queue = null, wake_at = null,
           suspended_at = null, finished_at = now()
         where id = $1",
        id,
        status as _,
        Json(json!({"kind": "User", "code": "DELETED", "message": message})) as _,
        Json(end_steps(&row.steps)) as _
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::database("end a deleted run"))?;
    let data = json!({"name": row.name, "workflow": row.workflow_name, "status": status});
    let event =
        Event { tenant: row.tenant_id, kind: Kind::WorkflowRun, id, change: ChangeKind::Updated, data };
    event::write(connection, event).await
}

/// Returns the steps with all unfinished ones cancelled. Steps that cannot be parsed are dropped: a row that cannot be
/// written would stop the mirror.
fn end_steps(steps: &str) -> Value {
    let mut steps: Value = serde_json::from_str(steps).unwrap_or_else(|_| json!([]));
    for step in steps.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if step.get("phase").and_then(Value::as_str).is_some_and(|phase| UNFINISHED.contains(&phase)) {
            step.insert("phase".to_owned(), json!("Cancelled"));
            step.remove("waiting");
            step.remove("nextAt");
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        db::MIGRATOR,
        mirror::testing::{deleted, store, try_apply},
        project::testing::{run, tenant},
    };

    /// A run that is deleted while it runs is a finished run of the history: cancelled, with the reason and without a step
    /// that seems to run, and its subscribers learn of its end.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_deleted_run_becomes_a_record(owner: PgPool) {
        let status = json!({"phase": "Running", "startedAt": "2026-11-24T08:00:01Z", "steps": [
            {"name": "fetch", "phase": "Succeeded", "output": 1},
            {"name": "ask", "phase": "Suspended", "waiting": {"for": "Approval"}, "nextAt": "2026-11-24T09:00:00Z"},
        ]});
        let running = run("acme", "invoices", "invoices-1").version(5).status(status).build();
        store(&owner, [tenant("acme").build(), running.clone()]).await;
        try_apply(&owner, &[deleted(&running, 8)]).await.unwrap();
        let (status, live, error, steps, ended): (String, bool, Value, Value, bool) =
            sqlx::query_as("select status, live, error, steps, finished_at is not null from workflow_runs")
                .fetch_one(&owner)
                .await
                .unwrap();
        assert_eq!((status.as_str(), live, ended), ("CANCELLED", false, true));
        assert_eq!((&error["code"], &error["kind"]), (&json!("DELETED"), &json!("User")));
        assert_eq!(
            steps,
            json!([{"name": "fetch", "phase": "Succeeded", "output": 1}, {"name": "ask", "phase": "Cancelled"}])
        );
        let event: (String, Value) = sqlx::query_as(
            "select change, data from events where kind = 'WORKFLOW_RUN' order by seq desc limit 1",
        )
        .fetch_one(&owner)
        .await
        .unwrap();
        assert_eq!((event.0.as_str(), &event.1["status"]), ("UPDATED", &json!("CANCELLED")));
    }

    /// Deleting a run twice, or a finished one, changes nothing of its record.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_record_is_never_ended_again(owner: PgPool) {
        let finished = run("acme", "invoices", "invoices-1").version(5).phase("Succeeded").build();
        store(&owner, [tenant("acme").build(), finished.clone()]).await;
        try_apply(&owner, &[deleted(&finished, 8), deleted(&finished, 9)]).await.unwrap();
        let record: (String, bool, bool) =
            sqlx::query_as("select status, live, error is null from workflow_runs")
                .fetch_one(&owner)
                .await
                .unwrap();
        assert_eq!(record, ("SUCCEEDED".to_owned(), false, true));
    }
}
