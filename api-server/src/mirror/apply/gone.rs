//! An object is gone.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{plan, quarantine, run, tenant, tombstone, workflow};
use crate::{
    mirror::Error,
    project::{Identity, Kind},
};

/// Takes in that the object is gone at the identity's version.
pub(super) async fn apply(connection: &mut PgConnection, identity: &Identity) -> Result<(), Error> {
    let Identity { kind, uid, namespace: _, name: _, resource_version } = identity;
    tombstone::write(connection, *kind, *uid, *resource_version).await?;
    quarantine::release(connection, *kind, *uid).await?;
    let id = match kind {
        Kind::Plan => plan::id_of(connection, *uid).await?,
        Kind::Tenant => tenant::id_of(connection, *uid).await?,
        Kind::Workflow => workflow::id_of(connection, *uid).await?,
        Kind::WorkflowRun => run::id_of(connection, *uid).await?,
    };
    match id {
        Some(id) => remove(connection, *kind, id, *resource_version).await,
        None => Ok(()),
    }
}

/// Takes a row away as its kind has it, unless it is newer than `up_to`.
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
