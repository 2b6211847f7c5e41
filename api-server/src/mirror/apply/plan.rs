//! Rows of plans.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Session,
    decide::{ExistingRow, Target, TargetRow, target_row},
    delete::DeletedRow,
};
use crate::{
    db::Json,
    mirror::Error,
    project::{Meta, PlanRow},
};

/// Stores a plan, unless the stored row is as new or newer.
pub(super) async fn upsert(
    session: &mut Session<'_>,
    row: &PlanRow,
    read_up_to: Option<i64>,
) -> Result<(), Error> {
    let Meta { uid, name, resource_version, .. } = &row.meta;
    let existing = sqlx::query_as!(
        ExistingRow,
        r#"select id, uid, resource_version, null::bigint as visible_digest from plans where uid = $1 or name = $2"#,
        uid,
        name
    )
    .fetch_all(&mut *session.connection)
    .await
    .map_err(Error::database("find a plan"))?;
    let Target::Row(TargetRow { id, replaces, .. }) = target_row(*uid, *resource_version, &existing) else {
        return Ok(());
    };
    session.count_correction(read_up_to, *resource_version);
    if let Some(old) = replaces {
        remove(session.connection, old, *resource_version).await?;
    }
    store(session.connection, id, row).await
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
           join plans using (uid)"#,
        uids,
        versions
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database("find plans"))
}

/// Deletes a row, unless its resource version is higher than `up_to`.
pub(super) async fn remove(connection: &mut PgConnection, id: Uuid, up_to: i64) -> Result<(), Error> {
    sqlx::query!("delete from plans where id = $1 and resource_version <= $2", id, up_to)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::database("delete a plan"))
}

async fn store(connection: &mut PgConnection, id: Uuid, row: &PlanRow) -> Result<(), Error> {
    let PlanRow { meta, display_name, price, features, limits, spec, status } = row;
    let Meta { uid, name, resource_version, generation, created_at, updated_at } = meta;
    sqlx::query!(
        "insert into plans (id, uid, name, resource_version, generation, created_at, updated_at,
                            display_name, price, features, limits, spec, status)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (id) do update set
           uid = excluded.uid, name = excluded.name, resource_version = excluded.resource_version,
           generation = excluded.generation, created_at = excluded.created_at, updated_at = excluded.updated_at,
           display_name = excluded.display_name, price = excluded.price, features = excluded.features,
           limits = excluded.limits, spec = excluded.spec, status = excluded.status",
        id,
        uid,
        name,
        resource_version,
        generation,
        *created_at,
        *updated_at,
        display_name,
        price.as_ref().map(Json) as _,
        features,
        Json(limits) as _,
        Json(spec) as _,
        Json(status) as _
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("store a plan"))
}
