//! The end of a complete list: rows that are older than it and not in it are of objects that are gone.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{gone, tombstone};
use crate::{
    mirror::{Error, change::Listed},
    project::Kind,
};

/// A row that the list does not have. It has no uid where a rebuilt cluster never showed an object of its name.
struct Missing {
    id: Uuid,
    uid: Option<Uuid>,
}

pub(super) async fn apply(connection: &mut PgConnection, listed: &Listed) -> Result<(), Error> {
    let Listed { kind, resource_version, uids, stored: _ } = listed;
    for Missing { id, uid } in missing(connection, *kind, *resource_version, uids).await? {
        if let Some(uid) = uid {
            tombstone::write(connection, *kind, uid, *resource_version).await?;
        }
        gone::remove(connection, *kind, id, *resource_version).await?;
    }
    release_missing(connection, *kind, *resource_version, uids).await
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

/// Objects that were put aside and are gone.
async fn release_missing(
    connection: &mut PgConnection,
    kind: Kind,
    version: i64,
    uids: &[Uuid],
) -> Result<(), Error> {
    sqlx::query!(
        "delete from mirror_quarantine q where kind = $1 and resource_version <= $2
         and not exists (select from unnest($3::uuid[]) as listed (uid) where listed.uid = q.uid)",
        kind.as_str(),
        version,
        uids
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("release objects that are gone"))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::{
        db::MIGRATOR,
        mirror::{
            change::{Change, Listed},
            testing::{put, store, try_changes},
        },
        project::{
            Kind, Object,
            testing::{run, tenant, uid, workflow},
        },
    };

    fn listed(kind: Kind, version: i64, names: &[&str]) -> Change {
        let uids = names.iter().map(|name| uid(name)).collect();
        Change::Listed(Listed { kind, resource_version: version, uids, stored: None })
    }

    fn at(object: crate::project::testing::Fixture, version: i64) -> Object {
        object.version(version).build()
    }

    /// What was deleted while the api-server was down is shown for ever.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn what_a_complete_list_does_not_have_is_gone_unless_it_is_newer(owner: PgPool) {
        let objects = [
            tenant("acme").build(),
            at(workflow("acme", "kept"), 3),
            at(workflow("acme", "deleted"), 4),
            at(workflow("acme", "newer"), 12),
            at(run("acme", "kept", "unfinished"), 5),
            at(run("acme", "kept", "finished").phase("Succeeded"), 5),
        ];
        store(&owner, objects).await;
        try_changes(
            &owner,
            &[
                put(at(workflow("acme", "kept"), 3)),
                listed(Kind::Workflow, 10, &["kept"]),
                listed(Kind::WorkflowRun, 10, &[]),
            ],
        )
        .await
        .unwrap();
        let workflows: Vec<String> =
            sqlx::query_scalar("select name from workflows order by name").fetch_all(&owner).await.unwrap();
        assert_eq!(workflows, ["kept", "newer"]);
        let runs: Vec<(String, bool)> =
            sqlx::query_as("select name, live from workflow_runs").fetch_all(&owner).await.unwrap();
        assert_eq!(runs, [("finished".to_owned(), false)]);
    }

    /// A tenant's documents and runs lose their owner when its object is deleted.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_deleted_tenants_row_stays_for_what_hangs_on_it(owner: PgPool) {
        store(&owner, [at(tenant("acme"), 3)]).await;
        try_changes(&owner, &[listed(Kind::Tenant, 10, &[])]).await.unwrap();
        let deleted: bool =
            sqlx::query_scalar("select deleted_at is not null from tenants").fetch_one(&owner).await.unwrap();
        assert!(deleted);
    }
}
