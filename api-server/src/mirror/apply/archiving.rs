//! The mirror's own record of archivings: when it saw each tenant archived first. The retention and the export of a tenant are
//! judged by it, and not by what the operator says.

use sqlx::PgConnection;
use telemetry::ids;
use uuid::Uuid;

use crate::{db::Timestamp, mirror::Error};

/// Records that a tenant is archived since `archived_at`, or that it is not. An archiving that the mirror has not seen before
/// begins anew, with an export of its own.
pub(super) async fn record(
    connection: &mut PgConnection,
    tenant: Uuid,
    archived_at: Option<Timestamp>,
) -> Result<(), Error> {
    let recorded = match archived_at {
        Some(archived_at) => {
            sqlx::query!(
                "insert into tenant_archivings as a (tenant_id, archived_at, export_id) values ($1, $2, $3)
                 on conflict (tenant_id) do update
                   set archived_at = excluded.archived_at, export_id = excluded.export_id, seen_at = now(), exported_at = null
                   where a.archived_at <> excluded.archived_at",
                tenant,
                archived_at as _,
                ids::uuid_v7()
            )
            .execute(connection)
            .await
        }
        None => {
            sqlx::query!("delete from tenant_archivings where tenant_id = $1", tenant).execute(connection).await
        }
    };
    recorded.map(drop).map_err(Error::database("record the archiving of a tenant"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;
    use uuid::Uuid;

    use crate::{
        db::MIGRATOR,
        mirror::testing::store,
        project::testing::{Fixture, tenant},
    };

    fn archived(version: i64, at: &str) -> Fixture {
        tenant("acme").version(version).spec("state", json!("Archived")).status(json!({"archivedAt": at}))
    }

    async fn exports(owner: &PgPool) -> Vec<Uuid> {
        sqlx::query_scalar("select export_id from tenant_archivings").fetch_all(owner).await.unwrap()
    }

    /// Each archiving has an export of its own, which other changes of the tenant do not touch; a tenant that is not archived any
    /// more has none.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn each_archiving_has_an_export_of_its_own(owner: PgPool) {
        let (first_at, second_at) = ("2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z");
        store(&owner, [archived(3, first_at).build()]).await;
        let first = exports(&owner).await;
        store(&owner, [archived(4, first_at).spec("displayName", json!("Baker")).build()]).await;
        assert_eq!((exports(&owner).await, first.len()), (first.clone(), 1));
        store(&owner, [archived(5, second_at).build()]).await;
        let second = exports(&owner).await;
        assert!(second.len() == 1 && second != first, "{second:?}");
        store(&owner, [tenant("acme").version(6).build()]).await;
        assert!(exports(&owner).await.is_empty());
        store(&owner, [archived(7, second_at).build()]).await;
        assert!(exports(&owner).await.len() == 1 && exports(&owner).await != second);
    }
}
