//! Rows of tenants. They are marked as deleted, never deleted: the records of finished runs refer to them.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    decide::{ExistingRow, TargetRow, target_row},
    event::{self, ChangeKind, Event},
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Kind, Meta, TenantRow},
};

/// Whether a tenant was created, so that quarantined objects may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upserted {
    Created,
    AlreadyKnown,
}

/// Stores a tenant, unless the stored row is as new or newer.
pub(super) async fn upsert(connection: &mut PgConnection, row: &TenantRow) -> Result<Upserted, Error> {
    let Meta { uid, name, resource_version, .. } = &row.meta;
    let existing = sqlx::query_as!(
        ExistingRow,
        "select id, uid, resource_version from tenants where uid = $1 or (slug = $2 and deleted_at is null)",
        uid,
        name
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(Error::database("find a tenant"))?;
    let Some(TargetRow { id, change, replaces }) = target_row(*uid, *resource_version, &existing) else {
        return Ok(Upserted::AlreadyKnown);
    };
    if let Some(old) = replaces {
        remove(connection, old, *resource_version).await?;
    }
    store(connection, id, row).await?;
    if change == ChangeKind::Created {
        take_over_namespace(connection, id, &row.namespace).await?;
    }
    let data = json!({"slug": name, "state": row.state});
    event::write(connection, Event { tenant: id, kind: Kind::Tenant, id, change, data }).await?;
    Ok(if change == ChangeKind::Created { Upserted::Created } else { Upserted::AlreadyKnown })
}

/// Returns the ID of the row of the object with this UID.
pub(super) async fn find_id(connection: &mut PgConnection, uid: Uuid) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from tenants where uid = $1", uid)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("find a tenant"))
}

/// Returns the ID of the tenant that a namespace belongs to.
pub(super) async fn find_by_namespace(
    connection: &mut PgConnection,
    namespace: Option<&str>,
) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!("select id from tenants where namespace = $1 and deleted_at is null", namespace)
        .fetch_optional(connection)
        .await
        .map_err(Error::database("find a namespace's tenant"))
}

/// Marks a row as deleted, unless its resource version is higher than `up_to`.
pub(super) async fn remove(connection: &mut PgConnection, id: Uuid, up_to: i64) -> Result<(), Error> {
    let row = sqlx::query!(
        "update tenants set deleted_at = now(), resource_version = $2
         where id = $1 and deleted_at is null and resource_version <= $2
         returning id, slug",
        id,
        up_to
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(Error::database("mark a tenant as deleted"))?;
    let Some(row) = row else { return Ok(()) };
    let data = json!({"slug": row.slug});
    let event = Event { tenant: row.id, kind: Kind::Tenant, id: row.id, change: ChangeKind::Deleted, data };
    event::write(connection, event).await
}

/// Moves the workflows and live runs of a namespace to its new tenant. A tenant that was deleted with its
/// data retained and created again finds its namespace unchanged; the records of deleted runs stay with the
/// old tenant.
async fn take_over_namespace(connection: &mut PgConnection, id: Uuid, namespace: &str) -> Result<(), Error> {
    sqlx::query!(
        "with old as (select id from tenants where namespace = $2 and id <> $1),
              w as (update workflows set tenant_id = $1 where tenant_id in (select id from old))
         update workflow_runs set tenant_id = $1 where live and tenant_id in (select id from old)",
        id,
        namespace
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("take over a namespace"))
}

async fn store(connection: &mut PgConnection, id: Uuid, row: &TenantRow) -> Result<(), Error> {
    let TenantRow {
        meta,
        display_name,
        state,
        plan_name,
        namespace,
        settings,
        mirrored_generation,
        spec,
        status,
    } = row;
    let Meta { uid, name, resource_version, generation, created_at, updated_at } = meta;
    sqlx::query!(
        "insert into tenants (id, uid, slug, resource_version, generation, created_at, updated_at,
                              display_name, state, plan_name, namespace, settings, spec, status,
                              mirrored_generation)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         on conflict (id) do update set
           uid = excluded.uid, slug = excluded.slug, resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           display_name = excluded.display_name, state = excluded.state, plan_name = excluded.plan_name,
           namespace = excluded.namespace, settings = excluded.settings, spec = excluded.spec,
           status = excluded.status, mirrored_generation = excluded.mirrored_generation, deleted_at = null",
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
        *mirrored_generation
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store a tenant"))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;
    use uuid::Uuid;

    use crate::{
        db::MIGRATOR,
        mirror::testing::{deleted, store, try_apply},
        project::testing::{run, tenant, uid, workflow},
    };

    /// A tenant that was deleted by mistake and created again has the workflows and runs of its namespace.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_tenant_created_again_owns_the_objects_in_its_namespace(owner: PgPool) {
        let first = tenant("acme").version(3).build();
        let live = [
            workflow("acme", "invoices").version(4).build(),
            run("acme", "invoices", "invoices-1").version(5).build(),
        ];
        store(&owner, [first.clone()]).await;
        store(&owner, live).await;
        try_apply(&owner, &[deleted(&first, 9)]).await.unwrap();
        store(&owner, [tenant("acme").uid(uid("second acme")).version(11).build()]).await;
        let owners: Vec<Uuid> = sqlx::query_scalar(
            "select tenant_id from workflows union all select tenant_id from workflow_runs",
        )
        .fetch_all(&owner)
        .await
        .unwrap();
        assert_eq!(owners, [uid("second acme"), uid("second acme")]);
    }
}
