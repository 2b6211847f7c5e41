//! Applies deletions of objects.

use uuid::Uuid;

use super::{Session, plan, quarantine, run, tenant, tombstone, workflow};
use crate::{
    mirror::Error,
    project::{Identity, Kind},
};

/// Records that objects of a kind were deleted at the identities' resource versions, and removes their rows.
pub(super) async fn apply(session: &mut Session<'_>, kind: Kind, deleted: &[&Identity]) -> Result<(), Error> {
    if deleted.is_empty() {
        return Ok(());
    }
    let versions: Vec<_> = deleted.iter().map(|identity| (identity.uid, identity.resource_version)).collect();
    tombstone::write(session.connection, kind, &versions).await?;
    let released: Vec<_> = versions.iter().map(|(uid, _)| (kind, *uid)).collect();
    quarantine::release(session.connection, &released).await?;
    let (uids, versions): (Vec<Uuid>, Vec<i64>) = versions.into_iter().unzip();
    let rows = match kind {
        Kind::Plan => plan::find_ids(session.connection, &uids, &versions).await?,
        Kind::Tenant => tenant::find_ids(session.connection, &uids, &versions).await?,
        Kind::Workflow => workflow::find_ids(session.connection, &uids, &versions).await?,
        Kind::WorkflowRun => run::find_ids(session.connection, &uids, &versions).await?,
    };
    remove(session, kind, &rows).await
}

/// Row of a deleted object.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeletedRow {
    /// ID of the row.
    pub(super) id: Uuid,
    /// Resource version at which the object was deleted. A row with a higher one is that of a newer object.
    pub(super) up_to: i64,
}

/// Deletes or retires rows according to their kind.
pub(super) async fn remove(session: &mut Session<'_>, kind: Kind, rows: &[DeletedRow]) -> Result<(), Error> {
    match kind {
        Kind::Plan | Kind::Tenant => {
            for DeletedRow { id, up_to } in rows {
                match kind {
                    Kind::Plan => plan::remove(session.connection, *id, *up_to).await?,
                    _ => tenant::remove(session, *id, *up_to).await?,
                }
            }
            Ok(())
        }
        Kind::Workflow => workflow::remove(session, rows).await,
        Kind::WorkflowRun => run::remove(session, rows).await,
    }
}

/// Splits rows into the arrays of a statement.
pub(super) fn columns(rows: &[DeletedRow]) -> (Vec<Uuid>, Vec<i64>) {
    rows.iter().map(|row| (row.id, row.up_to)).unzip()
}
