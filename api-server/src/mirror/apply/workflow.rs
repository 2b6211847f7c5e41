//! Rows of workflows.

use std::collections::HashMap;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Session,
    decide::{ExistingRow, Target, Write, target_row},
    delete::{self, DeletedRow},
    event::{ChangeKind, Event},
    namespaced::TenantObject,
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, WorkflowRow},
};

/// A workflow that is written, with the ID of its tenant.
type TenantWrite<'a> = (Uuid, Write<'a, WorkflowRow>);

/// Stores workflows of different names, except for those whose stored rows are as new or newer, and deleted ones.
pub(super) async fn upsert(
    session: &mut Session<'_>,
    objects: &[TenantObject<'_, WorkflowRow>],
) -> Result<(), Error> {
    let existing = existing(session.connection, objects).await?;
    let mut writes: Vec<TenantWrite<'_>> = Vec::new();
    let mut replaced = Vec::new();
    for object in objects.iter().filter(|object| object.deleted_at.is_none()) {
        let rows = existing.get(&object.first.meta.uid).map(Vec::as_slice).unwrap_or_default();
        let Some(write) = workflow_write(rows, object) else { continue };
        let version = write.row.meta.resource_version;
        session.count_correction(object.read_up_to, version);
        replaced.extend(write.target.replaces.map(|id| DeletedRow { id, up_to: version }));
        writes.push((object.tenant, write));
    }
    if writes.is_empty() {
        return Ok(());
    }
    remove(session, &replaced).await?;
    store(session.connection, &writes).await?;
    link_runs(session.connection, &writes).await?;
    for (tenant, write) in writes {
        for (change, row) in write.events {
            let data = json!({"name": row.meta.name, "state": row.state});
            let (kind, id) = (Kind::Workflow, write.target.id);
            session.events.push(Event { tenant, kind, id, change, data });
        }
    }
    Ok(())
}

/// Returns the write of a workflow, or `None` if the stored row is as new as the newest version.
fn workflow_write<'a>(
    existing: &[ExistingRow],
    object: &TenantObject<'a, WorkflowRow>,
) -> Option<Write<'a, WorkflowRow>> {
    let TenantObject { tenant: _, first, later, deleted_at: _, read_up_to: _ } = object;
    let mut versions = std::iter::once(*first).chain(later.iter().copied()).enumerate();
    versions.find_map(|(position, row)| match target_row(row.meta.uid, row.meta.resource_version, existing) {
        Target::Row(target) => Some(Write::new(target, row, later.get(position..).unwrap_or_default())),
        Target::Stale | Target::Superseded => None,
    })
}

/// Returns the rows with the UID or the name of each object, by its UID.
async fn existing(
    connection: &mut PgConnection,
    objects: &[TenantObject<'_, WorkflowRow>],
) -> Result<HashMap<Uuid, Vec<ExistingRow>>, Error> {
    let uids: Vec<Uuid> = objects.iter().map(|object| object.first.meta.uid).collect();
    let tenants: Vec<Uuid> = objects.iter().map(|object| object.tenant).collect();
    let names: Vec<String> = objects.iter().map(|object| object.first.meta.name.clone()).collect();
    let rows = sqlx::query!(
        r#"select o.uid as "object!", w.id as "id!", w.uid, w.resource_version as "resource_version!", w.visible_digest
           from unnest($1::uuid[], $2::uuid[], $3::text[]) as o (uid, tenant_id, name)
           cross join lateral (
             select id, uid, resource_version, visible_digest from workflows own where own.uid = o.uid
             union
             select id, uid, resource_version, visible_digest from workflows named
             where named.tenant_id = o.tenant_id and named.name = o.name
           ) as w"#,
        &uids,
        &tenants,
        &names
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find workflows"))?;
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
           join workflows using (uid)"#,
        uids,
        versions
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find workflows"))
}

/// Links runs to their workflows that were stored before them.
async fn link_runs(connection: &mut PgConnection, writes: &[TenantWrite<'_>]) -> Result<(), Error> {
    let created = writes.iter().filter(|(_, write)| write.target.change == ChangeKind::Created);
    let created: Vec<_> =
        created.map(|(tenant, write)| (write.target.id, *tenant, write.row.meta.name.clone())).collect();
    if created.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = created.iter().map(|(id, ..)| *id).collect();
    let tenants: Vec<Uuid> = created.iter().map(|(_, tenant, _)| *tenant).collect();
    let names: Vec<String> = created.into_iter().map(|(.., name)| name).collect();
    sqlx::query!(
        "update workflow_runs r set workflow_id = created.id
         from unnest($1::uuid[], $2::uuid[], $3::text[]) as created (id, tenant_id, name)
         where r.tenant_id = created.tenant_id and r.workflow_name = created.name and r.workflow_id is null",
        &ids,
        &tenants,
        &names
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("link runs to their workflows"))
}

/// Deletes rows, except for those with a higher resource version than that of the deletion.
pub(super) async fn remove(session: &mut Session<'_>, rows: &[DeletedRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let (ids, versions) = delete::columns(rows);
    let deleted = sqlx::query!(
        "delete from workflows w using unnest($1::uuid[], $2::bigint[]) as deleted (id, up_to)
         where w.id = deleted.id and w.resource_version <= deleted.up_to
         returning w.id, w.tenant_id, w.name",
        &ids,
        &versions
    )
    .fetch_all(&mut *session.connection)
    .await
    .map_err(Error::database("delete workflows"))?;
    for row in deleted {
        let (kind, change, data) = (Kind::Workflow, ChangeKind::Deleted, json!({"name": row.name}));
        session.events.push(Event { tenant: row.tenant_id, kind, id: row.id, change, data });
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one statement with several lines per column")]
async fn store(connection: &mut PgConnection, writes: &[TenantWrite<'_>]) -> Result<(), Error> {
    let rows = || writes.iter().map(|(_, write)| write.row);
    let metas = || rows().map(|row| &row.meta);
    // Each column that a row has is an argument below, in the order of this pattern.
    let check_columns = |row: &WorkflowRow| {
        let WorkflowRow {
            meta: Meta { uid: _, name: _, resource_version: _, generation: _, created_at: _, updated_at: _ },
            display_name: _,
            description: _,
            state: _,
            revision: _,
            valid: _,
            problems: _,
            labels: _,
            spec: _,
            status: _,
        } = row;
    };
    rows().for_each(check_columns);
    let ids: Vec<Uuid> = writes.iter().map(|(_, write)| write.target.id).collect();
    let tenants: Vec<Uuid> = writes.iter().map(|(tenant, _)| *tenant).collect();
    let digests: Vec<i64> = writes.iter().map(|(_, write)| write.visible_digest).collect();
    let uids: Vec<Uuid> = metas().map(|meta| meta.uid).collect();
    let names: Vec<&str> = metas().map(|meta| meta.name.as_str()).collect();
    let versions: Vec<i64> = metas().map(|meta| meta.resource_version).collect();
    let generations: Vec<i64> = metas().map(|meta| meta.generation).collect();
    let created: Vec<_> = metas().map(|meta| meta.created_at).collect();
    let updated: Vec<_> = metas().map(|meta| meta.updated_at).collect();
    let display_names: Vec<&str> = rows().map(|row| row.display_name.as_str()).collect();
    let descriptions: Vec<&str> = rows().map(|row| row.description.as_str()).collect();
    let states: Vec<&str> = rows().map(|row| row.state.as_str()).collect();
    let revisions: Vec<Option<&str>> = rows().map(|row| row.revision.as_deref()).collect();
    let valid: Vec<Option<bool>> = rows().map(|row| row.valid).collect();
    let problems: Vec<_> = rows().map(|row| Json(&row.problems)).collect();
    let labels: Vec<&serde_json::Value> = rows().map(|row| &row.labels).collect();
    let specs: Vec<_> = rows().map(|row| Json(&row.spec)).collect();
    let statuses: Vec<_> = rows().map(|row| Json(&row.status)).collect();
    sqlx::query!(
        "insert into workflows as w (id, uid, tenant_id, name, resource_version, generation, created_at, updated_at,
                                     display_name, description, state, revision, valid, problems, spec, status,
                                     visible_digest, labels)
         select * from unnest(
           $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[],
           $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[], $13::boolean[], $14::json[],
           $15::json[], $16::json[], $17::bigint[], $18::jsonb[]
         )
         on conflict (id) do update set
           uid = excluded.uid, tenant_id = excluded.tenant_id, name = excluded.name,
           resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           display_name = excluded.display_name, description = excluded.description, state = excluded.state,
           revision = excluded.revision, valid = excluded.valid, problems = excluded.problems,
           spec = excluded.spec, status = excluded.status, visible_digest = excluded.visible_digest, labels = excluded.labels
         where excluded.resource_version > w.resource_version",
        &ids,
        &uids,
        &tenants,
        &names as _,
        &versions,
        &generations,
        &created as _,
        &updated as _,
        &display_names as _,
        &descriptions as _,
        &states as _,
        &revisions as _,
        &valid as _,
        &problems as _,
        &specs as _,
        &statuses as _,
        &digests,
        &labels as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store workflows"))
}
