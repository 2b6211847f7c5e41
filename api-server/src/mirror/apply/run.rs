//! Rows of workflow runs. The row of a run is its record and outlives the object.

use std::collections::HashMap;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Session,
    decide::{ExistingRow, Target, TargetRow, Write, target_row},
    delete::{self, DeletedRow},
    deleted_run,
    event::Event,
    namespaced::TenantObject,
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, RunRow},
    store::CancelMode,
};

/// A run that is written.
struct RunWrite<'a> {
    tenant: Uuid,
    write: Write<'a, RunRow>,
    /// Resource version at which the object was deleted, if it was: its row is only a record.
    deleted_at: Option<i64>,
}

/// Stores runs of different names, except for those whose stored rows are as new or newer. A run that is known to be deleted is
/// stored as a record: its deletion was applied before this version of it, by another writer.
pub(super) async fn upsert(
    session: &mut Session<'_>,
    objects: &[TenantObject<'_, RunRow>],
) -> Result<(), Error> {
    let existing = existing(session.connection, objects).await?;
    let mut writes = Vec::new();
    let mut replaced = Vec::new();
    for object in objects {
        let rows = existing.get(&object.first.meta.uid).map(Vec::as_slice).unwrap_or_default();
        let Some(write) = run_write(rows, object) else { continue };
        let version = write.write.row.meta.resource_version;
        session.count_correction(object.read_up_to, version);
        replaced.extend(write.write.target.replaces.map(|id| DeletedRow { id, up_to: version }));
        writes.push(write);
    }
    if writes.is_empty() {
        return Ok(());
    }
    remove(session, &replaced).await?;
    store(session.connection, &writes).await?;
    let mut deleted = Vec::new();
    for RunWrite { tenant, write, deleted_at } in writes {
        let id = write.target.id;
        deleted.extend(deleted_at.map(|up_to| DeletedRow { id, up_to }));
        for (change, row) in write.events {
            let data = json!({"name": row.meta.name, "workflow": row.workflow_name, "status": row.status});
            session.events.push(Event { tenant, kind: Kind::WorkflowRun, id, change, data });
        }
    }
    deleted_run::end(session, &deleted).await
}

/// Returns the write of a run, or `None` if the stored row is as new as the newest version. A run is deleted, too, if a newer one has
/// its name.
fn run_write<'a>(existing: &[ExistingRow], object: &TenantObject<'a, RunRow>) -> Option<RunWrite<'a>> {
    let TenantObject { tenant, first, later, deleted_at, read_up_to: _ } = object;
    let uid = Some(first.meta.uid);
    let others = existing.iter().filter(|row| row.uid.is_some() && row.uid != uid);
    let newest_other = others.map(|row| row.resource_version).max();
    let mut versions = std::iter::once(*first).chain(later.iter().copied()).enumerate();
    versions.find_map(|(position, row)| {
        let meta = &row.meta;
        let target = match target_row(meta.uid, meta.resource_version, existing) {
            Target::Row(target) => target,
            Target::Superseded => TargetRow::created(meta.uid),
            Target::Stale => return None,
        };
        let superseded = newest_other.filter(|other| *other >= meta.resource_version);
        let deleted_at = deleted_at.or(superseded);
        let target = if deleted_at.is_some() { TargetRow { replaces: None, ..target } } else { target };
        let write = Write::new(target, row, later.get(position..).unwrap_or_default());
        Some(RunWrite { tenant: *tenant, write, deleted_at })
    })
}

/// Returns the rows with the UID of each object, and the live ones with its name, by its UID.
async fn existing(
    connection: &mut PgConnection,
    objects: &[TenantObject<'_, RunRow>],
) -> Result<HashMap<Uuid, Vec<ExistingRow>>, Error> {
    let uids: Vec<Uuid> = objects.iter().map(|object| object.first.meta.uid).collect();
    let tenants: Vec<Uuid> = objects.iter().map(|object| object.tenant).collect();
    let names: Vec<String> = objects.iter().map(|object| object.first.meta.name.clone()).collect();
    let rows = sqlx::query!(
        r#"select o.uid as "object!", r.id as "id!", r.uid, r.resource_version as "resource_version!", r.visible_digest
           from unnest($1::uuid[], $2::uuid[], $3::text[]) as o (uid, tenant_id, name)
           cross join lateral (
             select id, uid, resource_version, visible_digest from workflow_runs own where own.uid = o.uid
             union
             select id, uid, resource_version, visible_digest from workflow_runs named
             where named.tenant_id = o.tenant_id and named.name = o.name and named.live
           ) as r"#,
        &uids,
        &tenants,
        &names
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find runs"))?;
    let mut existing = HashMap::<Uuid, Vec<ExistingRow>>::new();
    for row in rows {
        let found = ExistingRow {
            id: row.id,
            uid: row.uid,
            resource_version: row.resource_version,
            visible_digest: row.visible_digest,
        };
        existing.entry(row.object).or_default().push(found);
    }
    Ok(existing)
}

/// Returns the rows of the objects with these UIDs, which were deleted at these resource versions.
pub(super) async fn find_ids(
    connection: &mut PgConnection,
    uids: &[Uuid],
    versions: &[i64],
) -> Result<Vec<DeletedRow>, Error> {
    sqlx::query_as!(
        DeletedRow,
        r#"select id, version as "up_to!" from unnest($1::uuid[], $2::bigint[]) as deleted (uid, version)
           join workflow_runs using (uid)"#,
        uids,
        versions
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find runs"))
}

/// Marks the rows of finished runs as no longer live, and ends those of unfinished ones, except for those with a higher resource
/// version than that of the deletion.
pub(super) async fn remove(session: &mut Session<'_>, rows: &[DeletedRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let (ids, versions) = delete::columns(rows);
    sqlx::query!(
        "update workflow_runs r set live = false from unnest($1::uuid[], $2::bigint[]) as deleted (id, up_to)
         where r.id = deleted.id and r.finished and r.live and r.resource_version <= deleted.up_to",
        &ids,
        &versions
    )
    .execute(&mut *session.connection)
    .await
    .map_err(Error::database("retain finished runs"))?;
    deleted_run::end(session, rows).await
}

#[expect(clippy::too_many_lines, reason = "one statement with several lines per column")]
async fn store(connection: &mut PgConnection, writes: &[RunWrite<'_>]) -> Result<(), Error> {
    let rows = || writes.iter().map(|write| write.write.row);
    let metas = || rows().map(|row| &row.meta);
    // Each column that a row has is an argument below, in the order of this pattern.
    let check_columns = |row: &RunRow| {
        let RunRow {
            meta: Meta { uid: _, name: _, resource_version: _, generation: _, created_at: _, updated_at: _ },
            workflow_name: _,
            revision: _,
            status: _,
            archived: _,
            cancel: _,
            trigger_kind: _,
            requested_by: _,
            trigger: _,
            input: _,
            effective_input: _,
            output: _,
            output_ref: _,
            error: _,
            queue: _,
            steps: _,
            decisions: _,
            reuse: _,
            reused: _,
            ending: _,
            wake_at: _,
            suspended_at: _,
            waited_seconds: _,
            output_uris: _,
            priority: _,
            started_at: _,
            finished_at: _,
        } = row;
    };
    rows().for_each(check_columns);
    let ids: Vec<Uuid> = writes.iter().map(|write| write.write.target.id).collect();
    let tenants: Vec<Uuid> = writes.iter().map(|write| write.tenant).collect();
    let live: Vec<bool> = writes.iter().map(|write| write.deleted_at.is_none()).collect();
    let digests: Vec<i64> = writes.iter().map(|write| write.write.visible_digest).collect();
    let uids: Vec<Uuid> = metas().map(|meta| meta.uid).collect();
    let names: Vec<&str> = metas().map(|meta| meta.name.as_str()).collect();
    let versions: Vec<i64> = metas().map(|meta| meta.resource_version).collect();
    let generations: Vec<i64> = metas().map(|meta| meta.generation).collect();
    let created: Vec<_> = metas().map(|meta| meta.created_at).collect();
    let updated: Vec<_> = metas().map(|meta| meta.updated_at).collect();
    let workflows: Vec<&str> = rows().map(|row| row.workflow_name.as_str()).collect();
    let revisions: Vec<Option<&str>> = rows().map(|row| row.revision.as_deref()).collect();
    let statuses: Vec<&str> = rows().map(|row| row.status.as_str()).collect();
    let archived: Vec<bool> = rows().map(|row| row.archived).collect();
    let cancels: Vec<Option<&str>> = rows().map(|row| row.cancel.map(CancelMode::as_str)).collect();
    let trigger_kinds: Vec<&str> = rows().map(|row| row.trigger_kind.as_str()).collect();
    let requested_by: Vec<Option<&str>> = rows().map(|row| row.requested_by.as_deref()).collect();
    let triggers: Vec<_> = rows().map(|row| Json(&row.trigger)).collect();
    let inputs: Vec<_> = rows().map(|row| row.input.as_ref().map(Json)).collect();
    let effective_inputs: Vec<_> = rows().map(|row| row.effective_input.as_ref().map(Json)).collect();
    let outputs: Vec<_> = rows().map(|row| row.output.as_ref().map(Json)).collect();
    let output_refs: Vec<_> = rows().map(|row| row.output_ref.as_ref().map(Json)).collect();
    let errors: Vec<_> = rows().map(|row| row.error.as_ref().map(Json)).collect();
    let queues: Vec<_> = rows().map(|row| row.queue.as_ref().map(Json)).collect();
    let steps: Vec<_> = rows().map(|row| Json(&row.steps)).collect();
    let decisions: Vec<_> = rows().map(|row| Json(&row.decisions)).collect();
    let reuse: Vec<_> = rows().map(|row| row.reuse.as_ref().map(Json)).collect();
    let reused: Vec<_> = rows().map(|row| row.reused.as_ref().map(Json)).collect();
    let endings: Vec<_> = rows().map(|row| row.ending.as_ref().map(Json)).collect();
    let wake_at: Vec<_> = rows().map(|row| row.wake_at).collect();
    let suspended_at: Vec<_> = rows().map(|row| row.suspended_at).collect();
    let waited: Vec<i64> = rows().map(|row| row.waited_seconds).collect();
    // Arrays of arrays have to be rectangular: the URIs of a run are one JSON value.
    let output_uris: Vec<_> = rows().map(|row| Json(&row.output_uris)).collect();
    let priorities: Vec<i32> = rows().map(|row| row.priority).collect();
    let started_at: Vec<_> = rows().map(|row| row.started_at).collect();
    let finished_at: Vec<_> = rows().map(|row| row.finished_at).collect();
    sqlx::query!(
        "insert into workflow_runs as r (
           id, uid, tenant_id, name, resource_version, generation, created_at, updated_at, workflow_name, workflow_id,
           revision, status, live, archived, cancel, trigger_kind, requested_by, trigger, input, output, output_ref,
           error, queue, steps, priority, started_at, finished_at, decisions, reuse, reused, ending, wake_at,
           suspended_at, waited_seconds, output_uris, effective_input, visible_digest
         )
         select id, uid, tenant_id, name, resource_version, generation, created_at, updated_at, workflow_name,
           (select w.id from workflows w where w.tenant_id = n.tenant_id and w.name = n.workflow_name),
           revision, status, live, archived, cancel, trigger_kind, requested_by, trigger, input, output, output_ref,
           error, queue, steps, priority, started_at, finished_at, decisions, reuse, reused, ending, wake_at,
           suspended_at, waited_seconds, array(select json_array_elements_text(output_uris)), effective_input,
           visible_digest
         from unnest(
           $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[],
           $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::boolean[], $13::boolean[], $14::text[],
           $15::text[], $16::text[], $17::json[], $18::json[], $19::json[], $20::json[], $21::json[], $22::json[],
           $23::json[], $24::integer[], $25::timestamptz[], $26::timestamptz[], $27::json[], $28::json[], $29::json[],
           $30::json[], $31::timestamptz[], $32::timestamptz[], $33::bigint[], $34::json[], $35::json[], $36::bigint[]
         ) as n (
           id, uid, tenant_id, name, resource_version, generation, created_at, updated_at, workflow_name,
           revision, status, live, archived, cancel, trigger_kind, requested_by, trigger, input, output, output_ref,
           error, queue, steps, priority, started_at, finished_at, decisions, reuse, reused, ending, wake_at,
           suspended_at, waited_seconds, output_uris, effective_input, visible_digest
         )
         on conflict (id) do update set
           uid = excluded.uid, tenant_id = excluded.tenant_id, name = excluded.name,
           resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           workflow_name = excluded.workflow_name,
           workflow_id = coalesce(r.workflow_id, excluded.workflow_id),
           revision = excluded.revision, status = excluded.status, live = excluded.live, archived = excluded.archived,
           cancel = excluded.cancel, trigger_kind = excluded.trigger_kind, requested_by = excluded.requested_by,
           trigger = excluded.trigger, input = excluded.input, output = excluded.output,
           output_ref = excluded.output_ref, error = excluded.error, queue = excluded.queue, steps = excluded.steps,
           priority = excluded.priority, started_at = excluded.started_at, finished_at = excluded.finished_at,
           decisions = excluded.decisions, reuse = excluded.reuse, reused = excluded.reused,
           ending = excluded.ending, wake_at = excluded.wake_at, suspended_at = excluded.suspended_at,
           waited_seconds = excluded.waited_seconds, output_uris = excluded.output_uris,
           effective_input = excluded.effective_input, visible_digest = excluded.visible_digest
         where excluded.resource_version > r.resource_version",
        &ids,
        &uids,
        &tenants,
        &names as _,
        &versions,
        &generations,
        &created as _,
        &updated as _,
        &workflows as _,
        &revisions as _,
        &statuses as _,
        &live,
        &archived,
        &cancels as _,
        &trigger_kinds as _,
        &requested_by as _,
        &triggers as _,
        &inputs as _,
        &outputs as _,
        &output_refs as _,
        &errors as _,
        &queues as _,
        &steps as _,
        &priorities,
        &started_at as _,
        &finished_at as _,
        &decisions as _,
        &reuse as _,
        &reused as _,
        &endings as _,
        &wake_at as _,
        &suspended_at as _,
        &waited,
        &output_uris as _,
        &effective_inputs as _,
        &digests
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store runs"))
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
