//! End of a run whose object was deleted before it had finished: its row becomes a record like that of any finished run, so
//! that nobody can make a run and its log disappear by deleting the object.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Session,
    delete::{self, DeletedRow},
    event::{ChangeKind, Event},
};
use crate::{db::Json, mirror::Error, project::Kind, store::RunStatus};

/// Phases of steps that have not finished.
const UNFINISHED: [&str; 3] = ["Pending", "Running", "Suspended"];

/// Ends the unfinished runs among these rows with the error `DELETED`, except for those with a higher resource version than that of
/// the deletion.
pub(super) async fn end(session: &mut Session<'_>, rows: &[DeletedRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let (ids, versions) = delete::columns(rows);
    let unfinished = sqlx::query!(
        r#"select r.id, tenant_id, name, workflow_name, steps::text as "steps!"
           from workflow_runs r join unnest($1::uuid[], $2::bigint[]) as deleted (id, up_to) on deleted.id = r.id
           where not finished and resource_version <= up_to"#,
        &ids,
        &versions
    )
    .fetch_all(&mut *session.connection)
    .await
    .map_err(Error::database("find unfinished runs"))?;
    if unfinished.is_empty() {
        return Ok(());
    }
    let status = RunStatus::Cancelled;
    let message = "the run was deleted in Kubernetes before it had finished";
    let ids: Vec<Uuid> = unfinished.iter().map(|row| row.id).collect();
    let steps: Vec<_> = unfinished.iter().map(|row| Json(end_steps(&row.steps))).collect();
    sqlx::query!(
        "update workflow_runs r set status = $2, live = false, error = $3, steps = ended.steps, queue = null,
           wake_at = null, suspended_at = null, finished_at = now(), visible_digest = null
         from unnest($1::uuid[], $4::json[]) as ended (id, steps) where r.id = ended.id",
        &ids,
        status as _,
        Json(json!({"kind": "User", "code": "DELETED", "message": message})) as _,
        &steps as _
    )
    .execute(&mut *session.connection)
    .await
    .map_err(Error::database("end deleted runs"))?;
    for row in unfinished {
        let data = json!({"name": row.name, "workflow": row.workflow_name, "status": status});
        let (kind, change) = (Kind::WorkflowRun, ChangeKind::Updated);
        session.events.push(Event { tenant: row.tenant_id, kind, id: row.id, change, data });
    }
    Ok(())
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
