//! Rows of workflow runs. The row of a run is its record and outlives the object.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    decide::{ExistingRow, TargetRow, target_row},
    deleted_run,
    event::{self, Event},
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, RunRow},
};

/// Stores a run of a tenant, unless the stored row is as new or newer.
pub(super) async fn upsert(connection: &mut PgConnection, tenant: Uuid, row: &RunRow) -> Result<(), Error> {
    let Meta { uid, name, resource_version, .. } = &row.meta;
    let existing = sqlx::query_as!(
        ExistingRow,
        "select id, uid, resource_version from workflow_runs
         where uid = $1 or (tenant_id = $2 and name = $3 and live)",
        uid,
        tenant,
        name
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::database("find a run"))?;
    let Some(TargetRow { id, change, replaces }) = target_row(*uid, *resource_version, &existing) else {
        return Ok(());
    };
    if let Some(old) = replaces {
        remove(connection, old, *resource_version).await?;
    }
    store(connection, id, tenant, row).await?;
    let data = json!({"name": name, "workflow": row.workflow_name, "status": row.status});
    event::write(connection, Event { tenant, kind: Kind::WorkflowRun, id, change, data }).await
}

/// Returns the ID of the row of the object with this UID.
pub(super) async fn find_id(connection: &mut PgConnection, uid: Uuid) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from workflow_runs where uid = $1", uid)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("find a run"))
}

/// Marks the row of a finished run as no longer live, and ends that of an unfinished one, unless its resource version is
/// higher than `up_to`.
pub(super) async fn remove(connection: &mut PgConnection, id: Uuid, up_to: i64) -> Result<(), Error> {
    sqlx::query!(
        "update workflow_runs set live = false where id = $1 and finished and live and resource_version <= $2",
        id,
        up_to
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::database("retain a finished run"))?;
    deleted_run::end(connection, id, up_to).await
}

#[expect(clippy::too_many_lines, reason = "one statement with one line per column")]
async fn store(connection: &mut PgConnection, id: Uuid, tenant: Uuid, row: &RunRow) -> Result<(), Error> {
    let RunRow {
        meta,
        workflow_name,
        revision,
        status,
        archived,
        cancel,
        trigger_kind,
        requested_by,
        trigger,
        input,
        effective_input,
        output,
        output_ref,
        error,
        queue,
        steps,
        decisions,
        reuse,
        reused,
        ending,
        wake_at,
        suspended_at,
        waited_seconds,
        output_uris,
        priority,
        started_at,
        finished_at,
    } = row;
    let Meta { uid, name, resource_version, generation, created_at, updated_at } = meta;
    sqlx::query!(
        "insert into workflow_runs (
           id, uid, tenant_id, name, resource_version, generation, created_at, updated_at, workflow_name, workflow_id,
           revision, status, live, archived, cancel, trigger_kind, requested_by, trigger, input, output, output_ref,
           error, queue, steps, priority, started_at, finished_at, decisions, reuse, reused, ending, wake_at,
           suspended_at, waited_seconds, output_uris, effective_input
         )
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, (select id from workflows where tenant_id = $3 and name = $9),
                 $10, $11, true, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
                 $26, $27, $28, $29, $30, $31, $32, $33, $34)
         on conflict (id) do update set
           uid = excluded.uid, tenant_id = excluded.tenant_id, name = excluded.name,
           resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           workflow_name = excluded.workflow_name,
           workflow_id = coalesce(workflow_runs.workflow_id, excluded.workflow_id),
           revision = excluded.revision, status = excluded.status, live = true, archived = excluded.archived,
           cancel = excluded.cancel, trigger_kind = excluded.trigger_kind, requested_by = excluded.requested_by,
           trigger = excluded.trigger, input = excluded.input, output = excluded.output,
           output_ref = excluded.output_ref, error = excluded.error, queue = excluded.queue, steps = excluded.steps,
           priority = excluded.priority, started_at = excluded.started_at, finished_at = excluded.finished_at,
           decisions = excluded.decisions, reuse = excluded.reuse, reused = excluded.reused,
           ending = excluded.ending, wake_at = excluded.wake_at, suspended_at = excluded.suspended_at,
           waited_seconds = excluded.waited_seconds, output_uris = excluded.output_uris,
           effective_input = excluded.effective_input",
        id,
        uid,
        tenant,
        name,
        resource_version,
        generation,
        *created_at,
        *updated_at,
        workflow_name,
        revision.as_deref(),
        *status as _,
        archived,
        *cancel as _,
        trigger_kind,
        requested_by.as_deref(),
        Json(trigger) as _,
        input.as_ref().map(Json) as _,
        output.as_ref().map(Json) as _,
        output_ref.as_ref().map(Json) as _,
        error.as_ref().map(Json) as _,
        queue.as_ref().map(Json) as _,
        Json(steps) as _,
        priority,
        *started_at as _,
        *finished_at as _,
        Json(decisions) as _,
        reuse.as_ref().map(Json) as _,
        reused.as_ref().map(Json) as _,
        ending.as_ref().map(Json) as _,
        *wake_at as _,
        *suspended_at as _,
        waited_seconds,
        output_uris,
        effective_input.as_ref().map(Json) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store a run"))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::{
        db::MIGRATOR,
        mirror::testing::{deleted, store, try_apply, upserted},
        project::testing::{run, tenant, uid, workflow},
    };

    async fn rows(owner: &PgPool) -> Vec<(String, String, bool)> {
        sqlx::query_as("select name, status, live from workflow_runs order by name, live")
            .fetch_all(owner)
            .await
            .unwrap()
    }

    async fn events(owner: &PgPool) -> Vec<(i64, String)> {
        sqlx::query_as("select seq, change from events where kind = 'WORKFLOW_RUN' order by seq")
            .fetch_all(owner)
            .await
            .unwrap()
    }

    /// A stale response never shows a finished run as running again, and writes no event.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_stale_version_changes_nothing_and_writes_no_event(owner: PgPool) {
        let run = run("acme", "invoices", "invoices-1");
        store(&owner, [tenant("acme").build()]).await;
        store(&owner, [run.clone().version(7).phase("Succeeded").build()]).await;
        store(&owner, [run.clone().version(6).phase("Running").build()]).await;
        store(&owner, [run.version(7).phase("Succeeded").build()]).await;
        assert_eq!(rows(&owner).await, [("invoices-1".to_owned(), "SUCCEEDED".to_owned(), true)]);
        assert_eq!(events(&owner).await, [(2, "CREATED".to_owned())]);
    }

    /// A customer's run history remains when runs are deleted in Kubernetes, whether they have finished or not.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_outlives_its_object(owner: PgPool) {
        let finished = run("acme", "invoices", "finished").version(5).phase("Failed").build();
        let unfinished = run("acme", "invoices", "deleted").version(5).phase("Running").build();
        store(&owner, [tenant("acme").build(), finished.clone(), unfinished.clone()]).await;
        try_apply(&owner, &[deleted(&finished, 8), deleted(&unfinished, 9)]).await.unwrap();
        let record = |name: &str, status: &str| (name.to_owned(), status.to_owned(), false);
        assert_eq!(rows(&owner).await, [record("deleted", "CANCELLED"), record("finished", "FAILED")]);
    }

    /// A response that was in flight while its run was deleted does not restore the run.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_deleted_run_does_not_come_back(owner: PgPool) {
        let unfinished = run("acme", "invoices", "deleted").version(5).phase("Running").build();
        store(&owner, [tenant("acme").build(), unfinished.clone()]).await;
        try_apply(&owner, &[deleted(&unfinished, 9), upserted(unfinished)]).await.unwrap();
        assert_eq!(rows(&owner).await, [("deleted".to_owned(), "CANCELLED".to_owned(), false)]);
    }

    /// A workflow lists its runs even if they were stored before it.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_run_stored_before_its_workflow_is_linked_to_it(owner: PgPool) {
        store(&owner, [tenant("acme").build(), run("acme", "invoices", "invoices-1").build()]).await;
        store(&owner, [workflow("acme", "invoices").build()]).await;
        let workflow: Option<uuid::Uuid> =
            sqlx::query_scalar("select workflow_id from workflow_runs").fetch_one(&owner).await.unwrap();
        assert_eq!(workflow, Some(uid("invoices")));
    }

    /// A new run with the name of a finished one never overwrites its record.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_reused_name_is_another_run(owner: PgPool) {
        let first = run("acme", "invoices", "nightly").version(5).phase("Succeeded");
        let second = run("acme", "invoices", "nightly").uid(uid("second nightly")).version(9);
        store(&owner, [tenant("acme").build(), first.build(), second.build()]).await;
        let nightly = |status: &str, live| ("nightly".to_owned(), status.to_owned(), live);
        assert_eq!(rows(&owner).await, [nightly("SUCCEEDED", false), nightly("QUEUED", true)]);
    }
}
