//! Applies a complete list: rows that are older than the list and not in it belong to deleted objects.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Session, delete, delete::DeletedRow, tombstone};
use crate::{
    mirror::{Error, change::CompleteList},
    project::Kind,
};

/// A row whose object is not in the list. It has no UID if no object with its name was observed in a rebuilt
/// cluster.
struct Missing {
    id: Uuid,
    uid: Option<Uuid>,
}

/// Number of rows that are removed by one statement.
const BATCH_SIZE: usize = 1000;

/// Deletes the rows and the quarantined objects that are not in the list.
pub(super) async fn apply(session: &mut Session<'_>, list: &CompleteList) -> Result<(), Error> {
    let CompleteList { kind, resource_version, uids } = list;
    let missing = missing(session.connection, *kind, *resource_version, uids).await?;
    for missing in missing.chunks(BATCH_SIZE) {
        let deleted: Vec<_> = missing.iter().filter_map(|row| Some((row.uid?, *resource_version))).collect();
        tombstone::write(session.connection, *kind, &deleted).await?;
        let rows: Vec<_> =
            missing.iter().map(|row| DeletedRow { id: row.id, up_to: *resource_version }).collect();
        delete::remove(session, *kind, &rows).await?;
    }
    release_missing(session.connection, *kind, *resource_version, uids).await
}

async fn missing(
    connection: &mut PgConnection,
    kind: Kind,
    version: i64,
    uids: &[Uuid],
) -> Result<Vec<Missing>, Error> {
    let found = match kind {
        Kind::Plan => {
            sqlx::query_as!(
                Missing,
                "select id, uid from plans p where resource_version <= $1
             and not exists (select from unnest($2::uuid[]) as listed (uid) where listed.uid = p.uid)",
                version,
                uids
            )
            .fetch_all(connection)
            .await
        }
        Kind::Tenant => {
            sqlx::query_as!(
                Missing,
                "select id, uid from tenants t where resource_version <= $1 and deleted_at is null
             and not exists (select from unnest($2::uuid[]) as listed (uid) where listed.uid = t.uid)",
                version,
                uids
            )
            .fetch_all(connection)
            .await
        }
        Kind::Workflow => {
            sqlx::query_as!(
                Missing,
                "select id, uid from workflows w where resource_version <= $1
             and not exists (select from unnest($2::uuid[]) as listed (uid) where listed.uid = w.uid)",
                version,
                uids
            )
            .fetch_all(connection)
            .await
        }
        Kind::WorkflowRun => {
            sqlx::query_as!(
                Missing,
                "select id, uid from workflow_runs r where resource_version <= $1 and live
             and not exists (select from unnest($2::uuid[]) as listed (uid) where listed.uid = r.uid)",
                version,
                uids
            )
            .fetch_all(connection)
            .await
        }
    };
    found.map_err(Error::database("compare the projection with a list"))
}

/// Removes deleted objects from the quarantine.
async fn release_missing(
    connection: &mut PgConnection,
    kind: Kind,
    version: i64,
    uids: &[Uuid],
) -> Result<(), Error> {
    let kind: &str = kind.into();
    sqlx::query!(
        "delete from mirror_quarantine q where kind = $1 and resource_version <= $2
         and not exists (select from unnest($3::uuid[]) as listed (uid) where listed.uid = q.uid)",
        kind,
        version,
        uids
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("release deleted objects from the quarantine"))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::{
        db::MIGRATOR,
        mirror::{
            change::{Change, CompleteList},
            testing::{store, try_apply, upserted},
        },
        project::{
            Kind, Object,
            testing::{run, tenant, uid, workflow},
        },
    };

    fn listed(kind: Kind, version: i64, names: &[&str]) -> Change {
        let uids = names.iter().map(|name| uid(name)).collect();
        Change::ListCompleted(CompleteList { kind, resource_version: version, uids })
    }

    fn at_version(object: crate::project::testing::Fixture, version: i64) -> Object {
        object.version(version).build()
    }

    /// Objects that were deleted while the api-server was down are deleted by the next list, except for newer
    /// rows and for runs, which remain as records.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn rows_missing_from_a_complete_list_are_deleted_unless_they_are_newer(owner: PgPool) {
        let objects = [
            tenant("acme").build(),
            at_version(workflow("acme", "remaining"), 3),
            at_version(workflow("acme", "deleted"), 4),
            at_version(workflow("acme", "newer"), 12),
            at_version(run("acme", "remaining", "unfinished"), 5),
            at_version(run("acme", "remaining", "finished").phase("Succeeded"), 5),
        ];
        store(&owner, objects).await;
        try_apply(
            &owner,
            &[
                upserted(at_version(workflow("acme", "remaining"), 3)),
                listed(Kind::Workflow, 10, &["remaining"]),
                listed(Kind::WorkflowRun, 10, &[]),
            ],
        )
        .await
        .unwrap();
        let workflows: Vec<String> =
            sqlx::query_scalar("select name from workflows order by name").fetch_all(&owner).await.unwrap();
        assert_eq!(workflows, ["newer", "remaining"]);
        let runs: Vec<(String, String, bool)> =
            sqlx::query_as("select name, status, live from workflow_runs order by name")
                .fetch_all(&owner)
                .await
                .unwrap();
        let record = |name: &str, status: &str| (name.to_owned(), status.to_owned(), false);
        assert_eq!(runs, [record("finished", "SUCCEEDED"), record("unfinished", "CANCELLED")]);
    }

    /// The row of a deleted tenant remains for the documents and runs that refer to it.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_deleted_tenants_row_remains(owner: PgPool) {
        store(&owner, [at_version(tenant("acme"), 3)]).await;
        try_apply(&owner, &[listed(Kind::Tenant, 10, &[])]).await.unwrap();
        let deleted: bool =
            sqlx::query_scalar("select deleted_at is not null from tenants").fetch_one(&owner).await.unwrap();
        assert!(deleted);
    }
}
