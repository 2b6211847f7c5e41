//! Deletion of a finished run by a user: its row, which would otherwise stay as its record, and its log.

use serde_json::json;
use uuid::Uuid;

use super::{
    event::{self, ChangeKind, Event},
    tombstone::RECORD_DELETED,
};
use crate::{
    db::MirrorPool,
    mirror::{Error, change::Change},
    project::{Identity, Kind},
};

/// Run whose object was deleted, or did not exist any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRun {
    /// Tenant of the run.
    pub tenant: Uuid,
    /// ID of its row.
    pub id: Uuid,
    /// UID of its object; `None` if it belonged to another cluster.
    pub uid: Option<Uuid>,
    /// Namespace of its object.
    pub namespace: String,
    /// Name of its object.
    pub name: String,
}

/// Deletes the record of a finished run and its log, and publishes the deletion. A tombstone keeps changes of the object that are still
/// in flight from storing the run again. Repeating the deletion has no further effect.
pub(in crate::mirror) async fn delete(pool: &MirrorPool, run: DeletedRun) -> Result<(), Error> {
    let DeletedRun { tenant, id, uid, namespace, name } = run;
    if let Some(uid) = uid {
        let namespace = Some(namespace);
        let kind = Kind::WorkflowRun;
        let identity = Identity { kind, uid, namespace, name, resource_version: RECORD_DELETED };
        super::apply(pool, None, &[Change::Deleted(identity)]).await?;
    }
    let mut tx = pool.inner().begin().await.map_err(Error::database("begin a transaction"))?;
    let deleted = sqlx::query!(
        "with chunks as (delete from run_log_chunks where tenant_id = $1 and run_id = $2),
              logs as (delete from run_logs where tenant_id = $1 and run_id = $2)
         delete from workflow_runs where tenant_id = $1 and id = $2 and finished and not live
         returning name, workflow_name, status",
        tenant,
        id
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::database("delete the record of a run"))?;
    if let Some(row) = deleted {
        let data = json!({"name": row.name, "workflow": row.workflow_name, "status": row.status});
        let event = Event { tenant, kind: Kind::WorkflowRun, id, change: ChangeKind::Deleted, data };
        event::write(&mut tx, &[event]).await?;
    }
    tx.commit().await.map_err(Error::database("commit a deletion"))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::{
        db::{MIGRATOR, testing::mirror_pool},
        mirror::testing::{deleted, store, try_apply},
        project::testing::{run, tenant, uid},
    };

    /// A deleted run stays deleted, also if changes of its object arrive late, and its subscribers learn of it once.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_deleted_record_does_not_come_back(owner: PgPool) {
        let finished = run("acme", "invoices", "invoices-1").version(5).phase("Succeeded");
        store(&owner, [tenant("acme").build(), finished.clone().build()]).await;
        let mirror = mirror_pool(&owner).await;
        let record = DeletedRun {
            tenant: uid("acme"),
            id: uid("invoices-1"),
            uid: Some(uid("invoices-1")),
            namespace: "t-acme".to_owned(),
            name: "invoices-1".to_owned(),
        };
        for _ in 0..2 {
            delete(&mirror, record.clone()).await.unwrap();
        }
        store(&owner, [finished.clone().version(7).build()]).await;
        try_apply(&owner, &[deleted(&finished.version(7).build(), 9)]).await.unwrap();
        let rows: i64 =
            sqlx::query_scalar("select count(*) from workflow_runs").fetch_one(&owner).await.unwrap();
        let deletions: i64 = sqlx::query_scalar("select count(*) from events where change = 'DELETED'")
            .fetch_one(&owner)
            .await
            .unwrap();
        assert_eq!((rows, deletions), (0, 1));
    }
}
