//! The unfinished runs that need a finished one.

use uuid::Uuid;

use crate::store::{Error, TenantTx};

/// What the deletion of a run has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uses {
    /// UID of the object; `None` if it belonged to another cluster.
    pub uid: Option<Uuid>,
    /// Name of an unfinished run that needs the run: its parent, or a rerun that has not copied its outputs yet.
    pub used_by: Option<String>,
}

/// Returns the uses of a run, or `None` if it does not exist.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn uses(tx: &mut TenantTx, id: Uuid) -> Result<Option<Uses>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Uses,
        "select r.uid,
                (select u.name from workflow_runs u
                 where u.tenant_id = $1 and u.live and not u.finished
                   and (u.name = without_nul(r.trigger) -> 'parent' ->> 'name'
                        or (u.reused is null and without_nul(u.reuse) ->> 'run' = r.name))
                 order by u.name limit 1) as used_by
         from workflow_runs r where r.tenant_id = $1 and r.id = $2",
        tenant,
        id
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find the runs that need a run"))
}
