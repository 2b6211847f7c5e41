//! Which cluster the rows are of. Versions and uids of another cluster mean nothing beside them, so nothing is
//! projected from one until somebody says what it is.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Error, apply::lock};
use crate::{
    cli::Relation,
    db::{MirrorPool, Urls},
};

/// Whether objects of the cluster may be projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the one that the rows are of.
    Accepted,
    /// It is another, or an older state of the same.
    Halted,
}

/// Compares the cluster that was met with the one that the rows are of. The first one ever met is accepted.
pub(super) async fn check(pool: &MirrorPool, met: Uuid) -> Result<Standing, Error> {
    // Meeting the known cluster again ends a halt for a replaced one, but not for a restored one: only an older
    // state of it, not its uid, shows that.
    let row = sqlx::query!(
        r#"insert into mirror_cluster as c (uid) values ($1)
           on conflict (only_row) do update set
             halted = case when c.uid <> $1 then 'REPLACED' when c.halted = 'REPLACED' then null else c.halted end,
             observed_uid = case when c.uid <> $1 then $1 end
           returning halted is not null as "halted!""#,
        met
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("check the cluster's identity"))?;
    Ok(if row.halted { Standing::Halted } else { Standing::Accepted })
}

/// Within a transaction: that nothing is halted now. `of` is the cluster that the changes were read from, where
/// that is known.
pub(super) async fn require(connection: &mut PgConnection, of: Option<Uuid>) -> Result<(), Error> {
    let other = sqlx::query_scalar!(
        r#"select exists (
             select from mirror_cluster where halted is not null or uid <> coalesce($1, uid)
           ) as "other!""#,
        of
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("check the cluster's identity"))?;
    if other { Err(Error::Halted) } else { Ok(()) }
}

/// Stops projecting: a list is older than what was read before, so the cluster was restored from a backup.
pub(super) async fn halt_restored(pool: &MirrorPool) -> Result<(), Error> {
    sqlx::query!("update mirror_cluster set halted = 'RESTORED' where halted is null")
        .execute(pool.inner())
        .await
        .map(drop)
        .map_err(Error::database("stop projecting a restored cluster"))
}

/// Says what the cluster that was met is to the one before it; a running mirror goes on within seconds.
///
/// # Errors
/// The database cannot be reached, or no cluster waits.
pub async fn accept_cluster(urls: &Urls, relation: Relation) -> Result<(), Error> {
    let pool = MirrorPool::connect(urls).await.map_err(Error::database("connect as smb_mirror"))?;
    accept(pool.inner(), relation).await
}

async fn accept(pool: &PgPool, relation: Relation) -> Result<(), Error> {
    let mut tx = pool.begin().await.map_err(Error::database("begin a transaction"))?;
    lock::everything(&mut tx).await?;
    let halted = sqlx::query!(
        r#"update mirror_cluster c set uid = coalesce(c.observed_uid, c.uid), halted = null, observed_uid = null,
                                       accepted_at = now()
           from mirror_cluster old
           where c.halted is not null and old.only_row
           returning old.halted as "halted!""#
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::database("accept the cluster"))?
    .ok_or(Error::NothingToAccept)?
    .halted;
    match relation {
        Relation::Continued => continue_rows(&mut tx, halted == "REPLACED").await?,
        Relation::New => retire_rows(&mut tx).await?,
    }
    forget(&mut tx).await?;
    tx.commit().await.map_err(Error::database("accept the cluster"))
}

/// Versions begin anew; in a rebuilt cluster uids do too, and rows wait to be found by name. (In a restored one
/// the uids are the old ones.)
async fn continue_rows(connection: &mut PgConnection, rebuilt: bool) -> Result<(), Error> {
    sqlx::query!(
        "with p as (update plans set resource_version = 0, uid = case when $1 then null else uid end),
              t as (update tenants set resource_version = 0, uid = case when $1 then null else uid end),
              w as (update workflows set resource_version = 0, uid = case when $1 then null else uid end)
         update workflow_runs set resource_version = 0, uid = case when $1 then null else uid end",
        rebuilt
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("let rows go on in the accepted cluster"))
}

/// What was mirrored is gone; records and tenants' ids stay.
async fn retire_rows(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(
        "with p as (delete from plans),
              w as (delete from workflows),
              t as (update tenants set deleted_at = now(), uid = null where deleted_at is null),
              r as (delete from workflow_runs where not finished)
         update workflow_runs set live = false, uid = null where finished"
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("retire the rows of the cluster before"))
}

async fn forget(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(
        "with t as (delete from mirror_tombstones), s as (delete from mirror_sync) delete from mirror_quarantine"
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("forget the versions of the cluster before"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::{
            change::{Change, Listed},
            testing::{store, try_changes},
        },
        project::{
            Kind,
            testing::{run, tenant, uid, workflow},
        },
    };

    const OLD: Uuid = Uuid::from_u128(1);
    const REBUILT: Uuid = Uuid::from_u128(2);

    async fn ids(owner: &PgPool) -> Vec<(Uuid, i64)> {
        sqlx::query_as("select id, resource_version from tenants where deleted_at is null")
            .fetch_all(owner)
            .await
            .unwrap()
    }

    fn in_rebuilt() -> crate::project::testing::Fixture {
        tenant("acme").uid(uid("acme, rebuilt")).version(4)
    }

    /// An api-server that is pointed at an empty cluster by mistake deletes everything.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn another_cluster_is_not_projected_until_it_is_accepted(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        assert_eq!(check(&pool, OLD).await.unwrap(), Standing::Accepted);
        store(&owner, [tenant("acme").version(900).build()]).await;
        assert_eq!(check(&pool, REBUILT).await.unwrap(), Standing::Halted);
        let empty = Listed { kind: Kind::Tenant, resource_version: 5, uids: Vec::new(), stored: None };
        let refused = try_changes(&owner, &[Change::Listed(empty)]).await;
        assert!(matches!(refused, Err(Error::Halted)));
        assert_eq!(ids(&owner).await, [(uid("acme"), 900)]);
        assert_eq!(check(&pool, OLD).await.unwrap(), Standing::Accepted);
    }

    /// After a rebuilt cluster every document hangs on a tenant that no longer exists.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_continued_cluster_keeps_ids_by_name(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        store(&owner, [tenant("acme").version(900).build()]).await;
        check(&pool, REBUILT).await.unwrap();
        accept(pool.inner(), Relation::Continued).await.unwrap();
        assert_eq!(check(&pool, REBUILT).await.unwrap(), Standing::Accepted);
        store(&owner, [in_rebuilt().build()]).await;
        assert_eq!(ids(&owner).await, [(uid("acme"), 4)]);
    }

    /// The tenant of a new cluster gets the data of an unrelated one of the same name.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_new_cluster_gives_new_ids_and_keeps_the_records(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        let finished = run("acme", "invoices", "invoices-1").phase("Succeeded").build();
        store(&owner, [tenant("acme").version(900).build(), workflow("acme", "invoices").build(), finished])
            .await;
        check(&pool, REBUILT).await.unwrap();
        accept(pool.inner(), Relation::New).await.unwrap();
        store(&owner, [in_rebuilt().build()]).await;
        assert_eq!(ids(&owner).await, [(uid("acme, rebuilt"), 4)]);
        let records: Vec<bool> =
            sqlx::query_scalar("select live from workflow_runs").fetch_all(&owner).await.unwrap();
        assert_eq!(records, [false]);
    }

    /// A cluster restored from last night's backup loses today's runs, since all its versions look old.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_list_older_than_what_was_read_halts_the_mirror(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        let read = Change::Reached { kind: Kind::Tenant, resource_version: 900 };
        try_changes(&owner, &[read]).await.unwrap();
        let list = Change::Listing { kind: Kind::Tenant, resource_version: 400 };
        assert!(matches!(try_changes(&owner, &[list]).await, Err(Error::Halted)));
        assert_eq!(check(&pool, OLD).await.unwrap(), Standing::Halted);
        accept(pool.inner(), Relation::Continued).await.unwrap();
        let list = Change::Listing { kind: Kind::Tenant, resource_version: 400 };
        try_changes(&owner, &[list]).await.unwrap();
    }

    /// Somebody accepts a cluster that nobody met, and all versions are forgotten for nothing.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn there_must_be_something_to_accept(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        let refused = accept(pool.inner(), Relation::New).await;
        assert!(matches!(refused, Err(Error::NothingToAccept)));
    }
}
