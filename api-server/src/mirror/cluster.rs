//! Identity of the cluster that the rows belong to. Resource versions and UIDs of two clusters cannot be
//! compared, so objects of another cluster are not projected until an administrator says how it relates to
//! the known one.

use clap::ValueEnum;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Error, lock};
use crate::db::{MirrorPool, Urls};

/// Relation of the cluster that was observed to the one that the rows belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClusterRelation {
    /// The cluster was rebuilt or restored: objects keep their IDs, matched by name.
    Continued,
    /// The cluster is unrelated to the known one: all its objects get new IDs.
    New,
}

/// Whether objects of the cluster may be projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClusterStatus {
    /// The cluster is the one that the rows belong to.
    Accepted,
    /// The cluster is another one, or an older state of the same one.
    Halted,
}

/// Compares the observed cluster with the one that the rows belong to. The first cluster ever observed is
/// accepted.
pub(super) async fn check(pool: &MirrorPool, observed: Uuid) -> Result<ClusterStatus, Error> {
    // The known UID ends a halt for a replaced cluster, but not one for a restored cluster: that has the same
    // UID, and only its older resource versions show that it was restored.
    let row = sqlx::query!(
        r#"insert into mirror_cluster as c (uid) values ($1)
           on conflict (only_row) do update set
             halted = case when c.uid <> $1 then 'REPLACED' when c.halted = 'REPLACED' then null else c.halted end,
             observed_uid = case when c.uid <> $1 then $1 end
           returning halted is not null as "halted!""#,
        observed
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("check the cluster's identity"))?;
    Ok(if row.halted { ClusterStatus::Halted } else { ClusterStatus::Accepted })
}

/// Verifies within a transaction that the cluster is accepted. `source` is the cluster that the changes were
/// read from, if that is known.
pub(super) async fn ensure_accepted(
    connection: &mut PgConnection,
    source: Option<Uuid>,
) -> Result<(), Error> {
    let other = sqlx::query_scalar!(
        r#"select exists (
             select from mirror_cluster where halted is not null or uid <> coalesce($1, uid)
           ) as "other!""#,
        source
    )
    .fetch_one(connection)
    .await
    .map_err(Error::database("check the cluster's identity"))?;
    if other { Err(Error::Halted) } else { Ok(()) }
}

/// Verifies that the rows belong to this cluster, and that it is accepted.
pub(super) async fn ensure_known(pool: &MirrorPool, observed: Uuid) -> Result<(), Error> {
    let mut connection = pool.inner().acquire().await.map_err(Error::database("take a connection"))?;
    ensure_accepted(&mut connection, Some(observed)).await
}

/// Stops projecting because a list is older than an earlier one: the cluster was restored from a backup.
pub(super) async fn halt_restored(pool: &MirrorPool) -> Result<(), Error> {
    sqlx::query!("update mirror_cluster set halted = 'RESTORED' where halted is null")
        .execute(pool.inner())
        .await
        .map(drop)
        .map_err(Error::database("stop projecting a restored cluster"))
}

/// Accepts the observed cluster with its relation to the known one. A running mirror continues within seconds.
///
/// # Errors
/// Returns an error if the database cannot be reached, or if no cluster waits to be accepted.
pub async fn accept_cluster(urls: &Urls, relation: ClusterRelation) -> Result<(), Error> {
    let pool = MirrorPool::connect(urls).await.map_err(Error::database("connect as smb_mirror"))?;
    accept(pool.inner(), relation).await
}

/// Accepts the observed cluster, as [`accept_cluster`] does.
pub(super) async fn accept(pool: &PgPool, relation: ClusterRelation) -> Result<(), Error> {
    let mut tx = pool.begin().await.map_err(Error::database("begin a transaction"))?;
    lock::acquire_exclusive(&mut tx).await?;
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
        ClusterRelation::Continued => continue_rows(&mut tx, halted == "REPLACED").await?,
        ClusterRelation::New => retire_rows(&mut tx).await?,
    }
    clear_versions(&mut tx).await?;
    tx.commit().await.map_err(Error::database("accept the cluster"))
}

/// Resets the resource versions of all rows. In a rebuilt cluster the UIDs are new too, so rows lose theirs
/// and are matched by name; a restored cluster has the old UIDs.
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
    .map_err(Error::database("continue rows in the accepted cluster"))
}

/// Deletes the projection of the previous cluster, except for runs, which end, and the rows of tenants.
async fn retire_rows(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(
        r#"with p as (delete from plans),
              w as (delete from workflows),
              t as (update tenants set deleted_at = now(), uid = null where deleted_at is null)
         update workflow_runs set
           status = case when finished then status else 'CANCELLED' end,
           error = case when finished then error else
             '{"kind": "User", "code": "DELETED", "message": "the cluster of the run was replaced"}'::json end,
           finished_at = case when finished then finished_at else now() end,
           queue = null, wake_at = null, live = false, uid = null"#
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("retire the rows of the previous cluster"))
}

async fn clear_versions(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!(
        "with t as (delete from mirror_tombstones), s as (delete from mirror_sync) delete from mirror_quarantine"
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::database("clear the resource versions of the previous cluster"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::{
            change::{Change, CompleteList},
            testing::{store, try_apply},
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

    /// An api-server that is pointed at an empty cluster by mistake deletes nothing.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn another_cluster_is_not_projected_until_it_is_accepted(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        assert_eq!(check(&pool, OLD).await.unwrap(), ClusterStatus::Accepted);
        store(&owner, [tenant("acme").version(900).build()]).await;
        assert_eq!(check(&pool, REBUILT).await.unwrap(), ClusterStatus::Halted);
        let empty = CompleteList { kind: Kind::Tenant, resource_version: 5, uids: Vec::new() };
        let refused = try_apply(&owner, &[Change::ListCompleted(empty)]).await;
        assert!(matches!(refused, Err(Error::Halted)));
        assert_eq!(ids(&owner).await, [(uid("acme"), 900)]);
        assert_eq!(check(&pool, OLD).await.unwrap(), ClusterStatus::Accepted);
    }

    /// After a cluster is rebuilt, tenants keep the IDs that documents refer to.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_continued_cluster_keeps_ids_by_name(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        store(&owner, [tenant("acme").version(900).build()]).await;
        check(&pool, REBUILT).await.unwrap();
        accept(pool.inner(), ClusterRelation::Continued).await.unwrap();
        assert_eq!(check(&pool, REBUILT).await.unwrap(), ClusterStatus::Accepted);
        store(&owner, [in_rebuilt().build()]).await;
        assert_eq!(ids(&owner).await, [(uid("acme"), 4)]);
    }

    /// A tenant of a new cluster never gets the data of an unrelated tenant with the same name.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn objects_of_a_new_cluster_get_new_ids_and_records_are_retained(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        let finished = run("acme", "invoices", "invoices-1").phase("Succeeded").build();
        let unfinished = run("acme", "invoices", "invoices-2").phase("Running").build();
        let acme = tenant("acme").version(900).build();
        store(&owner, [acme, workflow("acme", "invoices").build(), finished, unfinished]).await;
        check(&pool, REBUILT).await.unwrap();
        accept(pool.inner(), ClusterRelation::New).await.unwrap();
        store(&owner, [in_rebuilt().build()]).await;
        assert_eq!(ids(&owner).await, [(uid("acme, rebuilt"), 4)]);
        let records: Vec<(String, bool)> =
            sqlx::query_as("select status, live from workflow_runs order by name")
                .fetch_all(&owner)
                .await
                .unwrap();
        assert_eq!(records, [("SUCCEEDED".to_owned(), false), ("CANCELLED".to_owned(), false)]);
    }

    /// A cluster that was restored from a backup, and so has older resource versions, is projected only after
    /// it was accepted, and completely then.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_list_that_is_older_than_the_stored_version_halts_the_mirror(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        let read = Change::Bookmark { kind: Kind::Tenant, resource_version: 900 };
        try_apply(&owner, &[read]).await.unwrap();
        let list = Change::ListStarted { kind: Kind::Tenant, resource_version: 400 };
        assert!(matches!(try_apply(&owner, &[list]).await, Err(Error::Halted)));
        assert_eq!(check(&pool, OLD).await.unwrap(), ClusterStatus::Halted);
        accept(pool.inner(), ClusterRelation::Continued).await.unwrap();
        let list = Change::ListStarted { kind: Kind::Tenant, resource_version: 400 };
        try_apply(&owner, &[list]).await.unwrap();
    }

    /// `accept-cluster` changes nothing unless a cluster waits to be accepted.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn accepting_without_a_waiting_cluster_is_refused(owner: PgPool) {
        let pool = mirror_pool(&owner).await;
        check(&pool, OLD).await.unwrap();
        let refused = accept(pool.inner(), ClusterRelation::New).await;
        assert!(matches!(refused, Err(Error::NothingToAccept)));
    }
}
