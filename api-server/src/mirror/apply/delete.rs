//! Applies the deletion of an object.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{plan, quarantine, run, tenant, tombstone, workflow};
use crate::{
    mirror::Error,
    project::{Identity, Kind},
};

/// Records that the object was deleted at the identity's resource version, and removes its row.
pub(super) async fn apply(connection: &mut PgConnection, identity: &Identity) -> Result<(), Error> {
    let Identity { kind, uid, namespace: _, name: _, resource_version } = identity;
    tombstone::write(connection, *kind, *uid, *resource_version).await?;
    quarantine::release(connection, *kind, *uid).await?;
    let id = match kind {
        Kind::Plan => plan::find_id(connection, *uid).await?,
        Kind::Tenant => tenant::find_id(connection, *uid).await?,
        Kind::Workflow => workflow::find_id(connection, *uid).await?,
        Kind::WorkflowRun => run::find_id(connection, *uid).await?,
    };
    match id {
        Some(id) => remove(connection, *kind, id, *resource_version).await,
        None => Ok(()),
    }
}

/// Deletes or retires a row according to its kind, unless its resource version is higher than `up_to`.
pub(super) async fn remove(
    connection: &mut PgConnection,
    kind: Kind,
    id: Uuid,
    up_to: i64,
) -> Result<(), Error> {
    match kind {
        Kind::Plan => plan::remove(connection, id, up_to).await,
        Kind::Tenant => tenant::remove(connection, id, up_to).await,
        Kind::Workflow => workflow::remove(connection, id, up_to).await,
        Kind::WorkflowRun => run::remove(connection, id, up_to).await,
    }
}
