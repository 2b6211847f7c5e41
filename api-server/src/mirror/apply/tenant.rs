//! Rows of tenants. They are marked as deleted, never deleted: the records of finished runs refer to them. The row of a tenant
//! that is restored becomes that of the new object, so that everything that refers to its ID is there again.

use std::collections::HashMap;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Session, archiving,
    decide::{ExistingRow, Target, TargetRow, Write, target_row},
    delete::DeletedRow,
    event::{ChangeKind, Event},
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, TenantEnd, TenantRow},
};

/// Whether the namespace of a tenant belongs to it since this change, so that quarantined objects may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upserted {
    GotNamespace,
    Unchanged,
}

/// Stores a tenant, unless the stored row is as new or newer.
pub(super) async fn upsert(
    session: &mut Session<'_>,
    row: &TenantRow,
    read_up_to: Option<i64>,
) -> Result<Upserted, Error> {
    let Meta { uid, name, resource_version, .. } = &row.meta;
    restore(session.connection, row).await?;
    let existing = sqlx::query_as!(
        ExistingRow,
        "select id, uid, resource_version, visible_digest from tenants
         where uid = $1 or (slug = $2 and deleted_at is null)",
        uid,
        name
    )
    .fetch_all(&mut *session.connection)
    .await
    .map_err(Error::database("find a tenant"))?;
    let Target::Row(target) = target_row(*uid, *resource_version, &existing) else {
        return Ok(Upserted::Unchanged);
    };
    session.count_correction(read_up_to, *resource_version);
    let write = Write::new(target, row, &[]);
    let TargetRow { id, replaces, .. } = write.target;
    if let Some(old) = replaces {
        remove(session, old, *resource_version).await?;
    }
    let owner = find_by_namespace(session.connection, &row.namespace).await?;
    store(session.connection, id, row, write.visible_digest).await?;
    archiving::record(session.connection, id, row.end.archived_at).await?;
    for (change, row) in write.events {
        let data = json!({"slug": row.meta.name, "state": row.state});
        session.events.push(Event { tenant: id, kind: Kind::Tenant, id, change, data });
    }
    let is_owner = find_by_namespace(session.connection, &row.namespace).await? == Some(id);
    Ok(if is_owner && owner != Some(id) { Upserted::GotNamespace } else { Upserted::Unchanged })
}

/// Prepares the row of the deleted tenant that this one restores, if it does: the row gets the UID of the new object. The row that
/// the new object has had until now contains nothing, and is deleted. A tenant that has had a namespace has data of its own, and
/// restores none. The deletion of the old tenant may have been missed; that there is a new object of its name proves it.
async fn restore(connection: &mut PgConnection, row: &TenantRow) -> Result<(), Error> {
    let Some(old) = row.restore_from else { return Ok(()) };
    let Meta { uid, name, resource_version, .. } = &row.meta;
    let restored = sqlx::query_scalar!(
        "select id from tenants
         where uid = $1 and uid <> $5 and slug = $2 and namespace = $3 and resource_version < $4
           and not exists (select from tenants own where own.uid = $5 and own.status ->> 'namespace' is not null)",
        old,
        name,
        row.namespace,
        resource_version,
        uid
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::database("find a tenant that is restored"))?;
    let Some(restored) = restored else { return Ok(()) };
    sqlx::query!(
        "update tenants set uid = null, deleted_at = coalesce(deleted_at, now()) where uid = $1",
        uid
    )
    .execute(&mut *connection)
    .await
    .map_err(Error::database("delete the row of a tenant before its restoration"))?;
    sqlx::query!("update tenants set uid = $2, deleted_at = null where id = $1", restored, uid)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::database("restore a tenant"))
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
           join tenants using (uid)"#,
        uids,
        versions
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find tenants"))
}

async fn find_by_namespace(connection: &mut PgConnection, namespace: &str) -> Result<Option<Uuid>, Error> {
    Ok(find_by_namespaces(connection, &[namespace.to_owned()]).await?.remove(namespace))
}

/// Returns the IDs of the tenants that namespaces belong to. A namespace that an earlier tenant has left, or that several tenants
/// name, belongs to one of them only once the operator says so in its status: until then, its objects may be those of another one.
pub(super) async fn find_by_namespaces(
    connection: &mut PgConnection,
    namespaces: &[String],
) -> Result<HashMap<String, Uuid>, Error> {
    let rows = sqlx::query!(
        r#"select requested.namespace as "namespace!", owner.id
           from unnest($1::text[]) as requested (namespace)
           cross join lateral (
             select id from tenants t where namespace = requested.namespace and deleted_at is null
               and (status ->> 'namespace' = namespace or not exists (
                 select from tenants other where other.namespace = t.namespace and other.id <> t.id
               ))
             order by exists (
                 select from json_array_elements(t.status -> 'conditions') c
                 where c ->> 'type' = 'NamespaceReady' and c ->> 'status' = 'True'
               ) desc, created_at
             limit 1
           ) as owner"#,
        namespaces
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find the tenants of namespaces"))?;
    Ok(rows.into_iter().map(|row| (row.namespace, row.id)).collect())
}

/// Marks a row as deleted, unless its resource version is higher than `up_to`.
pub(super) async fn remove(session: &mut Session<'_>, id: Uuid, up_to: i64) -> Result<(), Error> {
    let row = sqlx::query!(
        "update tenants set deleted_at = now(), resource_version = $2
         where id = $1 and deleted_at is null and resource_version <= $2
         returning id, slug",
        id,
        up_to
    )
    .fetch_optional(&mut *session.connection)
    .await
    .map_err(Error::database("mark a tenant as deleted"))?;
    if let Some(row) = row {
        let (data, change) = (json!({"slug": row.slug}), ChangeKind::Deleted);
        session.events.push(Event { tenant: row.id, kind: Kind::Tenant, id: row.id, change, data });
    }
    Ok(())
}

async fn store(
    connection: &mut PgConnection,
    id: Uuid,
    row: &TenantRow,
    visible_digest: i64,
) -> Result<(), Error> {
    let TenantRow {
        meta,
        display_name,
        state,
        plan_name,
        namespace,
        settings,
        mirrored_generation,
        end,
        restore_from: _,
        spec,
        status,
    } = row;
    let TenantEnd { archived_at, export_of, purgeable, reports_archiving, awaits_data_deletion } = end;
    let Meta { uid, name, resource_version, generation, created_at, updated_at } = meta;
    sqlx::query!(
        "insert into tenants (id, uid, slug, resource_version, generation, created_at, updated_at,
                              display_name, state, plan_name, namespace, settings, spec, status,
                              mirrored_generation, archived_at, export_of, purgeable, reports_archiving,
                              awaits_data_deletion, visible_digest)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
         on conflict (id) do update set
           uid = excluded.uid, slug = excluded.slug, resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           display_name = excluded.display_name, state = excluded.state, plan_name = excluded.plan_name,
           namespace = excluded.namespace, settings = excluded.settings, spec = excluded.spec,
           status = excluded.status, mirrored_generation = excluded.mirrored_generation,
           archived_at = excluded.archived_at, export_of = excluded.export_of, purgeable = excluded.purgeable,
           reports_archiving = excluded.reports_archiving, awaits_data_deletion = excluded.awaits_data_deletion,
           visible_digest = excluded.visible_digest, deleted_at = null",
        id,
        uid,
        name,
        resource_version,
        generation,
        *created_at,
        *updated_at,
        display_name,
        *state as _,
        plan_name,
        namespace,
        Json(settings) as _,
        Json(spec) as _,
        Json(status) as _,
        *mirrored_generation,
        *archived_at as _,
        *export_of as _,
        *purgeable,
        *reports_archiving,
        *awaits_data_deletion,
        visible_digest
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store a tenant"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;
    use uuid::Uuid;

    use crate::{
        db::MIGRATOR,
        mirror::testing::{deleted, store, try_apply},
        project::testing::{Fixture, run, tenant, uid, workflow},
    };

    /// A tenant with a workflow and a run, of which only the namespace is left.
    async fn store_deleted_tenant(owner: &PgPool) {
        let first = tenant("acme").version(3).build();
        let live = [
            workflow("acme", "invoices").version(4).build(),
            run("acme", "invoices", "invoices-1").version(5).build(),
        ];
        store(owner, [first.clone()]).await;
        store(owner, live).await;
        try_apply(owner, &[deleted(&first, 9)]).await.unwrap();
    }

    fn second(version: i64) -> Fixture {
        tenant("acme").uid(uid("second acme")).version(version)
    }

    async fn owners(owner: &PgPool) -> Vec<Uuid> {
        sqlx::query_scalar("select tenant_id from workflows union all select tenant_id from workflow_runs")
            .fetch_all(owner)
            .await
            .unwrap()
    }

    async fn live_tenants(owner: &PgPool) -> Vec<Uuid> {
        sqlx::query_scalar("select id from tenants where deleted_at is null").fetch_all(owner).await.unwrap()
    }

    /// A new tenant with the name and the namespace of a deleted one gets nothing of it, also when its objects change.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_created_again_gets_nothing_of_the_old_one(owner: PgPool) {
        store_deleted_tenant(&owner).await;
        store(&owner, [second(11).build()]).await;
        store(&owner, [workflow("acme", "invoices").version(12).build()]).await;
        assert_eq!(live_tenants(&owner).await, [uid("second acme")]);
        assert_eq!(owners(&owner).await, [uid("acme"), uid("acme")]);
    }

    /// A tenant that restores a deleted one has its ID, its workflows and its runs, and what changed in between.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_restored_tenant_has_the_id_and_the_objects_of_the_old_one(owner: PgPool) {
        store_deleted_tenant(&owner).await;
        store(&owner, [second(11).build()]).await;
        store(&owner, [workflow("acme", "offers").version(12).build()]).await;
        let restored =
            |version| second(version).annotation("smbcopilot.dev/restore-from", &uid("acme").to_string());
        store(&owner, [restored(13).build()]).await;
        store(&owner, [restored(14).status(json!({"namespace": "t-acme"})).build()]).await;
        assert_eq!(live_tenants(&owner).await, [uid("acme")]);
        assert_eq!(owners(&owner).await, [uid("acme"); 3]);
        let current: Uuid = sqlx::query_scalar("select uid from tenants where deleted_at is null")
            .fetch_one(&owner)
            .await
            .unwrap();
        assert_eq!(current, uid("second acme"));
    }

    /// A tenant that has had a namespace has data of its own, and restores none: its users would read the data of the earlier one.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_that_was_set_up_restores_nothing(owner: PgPool) {
        store_deleted_tenant(&owner).await;
        let set_up = |version| second(version).status(json!({"namespace": "t-acme"}));
        store(&owner, [set_up(11).build()]).await;
        let restore_from = uid("acme").to_string();
        store(&owner, [set_up(13).annotation("smbcopilot.dev/restore-from", &restore_from).build()]).await;
        assert_eq!(live_tenants(&owner).await, [uid("second acme")]);
        assert_eq!(owners(&owner).await, [uid("acme"), uid("acme")]);
    }

    /// A tenant restores only a deleted tenant of its own name.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_restores_only_its_own_name(owner: PgPool) {
        store_deleted_tenant(&owner).await;
        let other = tenant("globex").version(11);
        store(&owner, [other.annotation("smbcopilot.dev/restore-from", &uid("acme").to_string()).build()])
            .await;
        assert_eq!(live_tenants(&owner).await, [uid("globex")]);
        assert_eq!(owners(&owner).await, [uid("acme"), uid("acme")]);
    }

    /// A namespace of an earlier tenant that was deleted with its data belongs to the new one once the operator has set it up.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_that_starts_anew_gets_its_new_objects(owner: PgPool) {
        let first = tenant("acme").version(3).build();
        store(&owner, [first.clone()]).await;
        try_apply(&owner, &[deleted(&first, 9)]).await.unwrap();
        store(&owner, [second(11).build()]).await;
        store(&owner, [workflow("acme", "invoices").version(12).build()]).await;
        assert!(owners(&owner).await.is_empty());
        store(&owner, [second(13).status(json!({"namespace": "t-acme"})).build()]).await;
        assert_eq!(owners(&owner).await, [uid("second acme")]);
    }

    /// Of two tenants that name one namespace, only the one that is set up in it gets what is in there, in either order.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_namespace_that_two_tenants_name_belongs_to_the_one_that_is_set_up(owner: PgPool) {
        let names_it =
            |name: &str, version| tenant(name).spec("namespace", json!({"name": "t-acme"})).version(version);
        store(&owner, [names_it("globex", 3).build(), names_it("acme", 4).build()]).await;
        store(&owner, [workflow("acme", "invoices").version(5).build()]).await;
        assert!(owners(&owner).await.is_empty(), "nobody is set up in the namespace");
        store(&owner, [names_it("acme", 6).status(json!({"namespace": "t-acme"})).build()]).await;
        store(&owner, [names_it("globex", 7).build(), workflow("acme", "offers").version(8).build()]).await;
        assert_eq!(owners(&owner).await, [uid("acme"), uid("acme")]);
        let acme = names_it("acme", 6).status(json!({"namespace": "t-acme"})).build();
        try_apply(&owner, &[deleted(&acme, 9)]).await.unwrap();
        store(&owner, [workflow("acme", "reminders").version(10).build()]).await;
        assert_eq!(owners(&owner).await, [uid("acme"), uid("acme")]);
    }

    /// A tenant restores an earlier one also if the mirror has missed the deletion of that, and observes the new one after it was
    /// set up.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_whose_deletion_was_missed_is_restored(owner: PgPool) {
        store(&owner, [tenant("acme").version(3).status(json!({"namespace": "t-acme"})).build()]).await;
        store(&owner, [workflow("acme", "invoices").version(4).build()]).await;
        let restored = second(14).annotation("smbcopilot.dev/restore-from", &uid("acme").to_string());
        store(&owner, [restored.status(json!({"namespace": "t-acme"})).build()]).await;
        store(&owner, [workflow("acme", "offers").version(15).build()]).await;
        assert_eq!(live_tenants(&owner).await, [uid("acme")]);
        assert_eq!(owners(&owner).await, [uid("acme"), uid("acme")]);
    }
}
