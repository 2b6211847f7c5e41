//! Deletes everything that Postgres and the object storage have of a tenant, except for the rows of objects that exist in
//! Kubernetes: they are a projection, which the mirror removes with the objects. Can be repeated at any time.

use uuid::Uuid;

use super::{
    Error,
    rows::{Deleted, delete_batches},
};
use crate::{
    app::documents::tenant_folder,
    db::MirrorPool,
    objects::{self, Objects, OutputName},
};

/// Maximum number of rows deleted by one statement.
const BATCH_SIZE: i64 = 500;
/// Maximum number of logs, which have many chunks, and of outputs, which take a request to the storage each.
const SMALL_BATCH_SIZE: i64 = 100;

/// Numbers of what was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Stored outputs.
    pub outputs: u64,
    /// Documents, with their contents.
    pub documents: u64,
    /// Rows of the database.
    pub rows: Deleted,
}

/// The data of a tenant cannot be deleted.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The database cannot be reached, or refused a statement.
    #[error(transparent)]
    Database(#[from] Error),
    /// The tenant has stored outputs or documents, and no object storage is configured.
    #[error(
        "failed to delete the stored outputs and documents: no object storage is configured; set objectStorage in the values of the chart"
    )]
    NotConfigured,
    /// The object storage cannot be reached or refuses a request.
    #[error("failed to delete the stored outputs and documents")]
    Storage(#[from] objects::Error),
}

/// Deletes all data of a tenant: stored outputs and documents first, then rows.
///
/// # Errors
/// Returns an error if the database or the object storage refuses a request; what is deleted stays deleted.
pub async fn purge(pool: &MirrorPool, objects: Option<&Objects>, tenant: Uuid) -> Result<Purged, PurgeError> {
    let outputs = delete_outputs(pool, objects, tenant).await?;
    let documents = delete_documents(pool, objects, tenant).await?;
    let logs = delete_batches(pool, "delete the logs of a tenant", || {
        sqlx::query!(
            "with old as (
               select run_id from run_logs where tenant_id = $1 limit $2
             ), chunks as (
               delete from run_log_chunks where tenant_id = $1 and run_id in (select run_id from old)
             )
             delete from run_logs where tenant_id = $1 and run_id in (select run_id from old)",
            tenant,
            SMALL_BATCH_SIZE
        )
    })
    .await?;
    let runs = delete_batches(pool, "delete the records of a tenant's runs", || {
        sqlx::query!(
            "delete from workflow_runs where id in (
               select id from workflow_runs where tenant_id = $1 and not live limit $2 for update skip locked
             )",
            tenant,
            BATCH_SIZE
        )
    })
    .await?;
    let events = delete_batches(pool, "delete the events of a tenant", || {
        sqlx::query!(
            "delete from events where tenant_id = $1 and seq in (
               select seq from events where tenant_id = $1 order by seq limit $2
             )",
            tenant,
            BATCH_SIZE
        )
    })
    .await?;
    let keys = delete_batches(pool, "delete the idempotency keys of a tenant", || {
        sqlx::query!(
            "delete from idempotency_keys where (principal, key) in (
               select principal, key from idempotency_keys where tenant_id = $1 limit $2
             ) and tenant_id = $1",
            tenant,
            BATCH_SIZE
        )
    })
    .await?;
    sqlx::query!("delete from sessions where tenant_id = $1", tenant)
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the sessions of a tenant"))?;
    delete_people(pool, tenant).await?;
    delete_rules(pool, tenant).await?;
    Ok(Purged { outputs, documents, rows: Deleted { runs, logs, events, keys } })
}

/// Deletes the users and service accounts of a tenant, of which it has a bounded number, with everything that belongs to them.
async fn delete_people(pool: &MirrorPool, tenant: Uuid) -> Result<(), Error> {
    // Their roles and identities are deleted with them.
    sqlx::query!("delete from users where tenant_id = $1", tenant)
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the users of a tenant"))?;
    sqlx::query!("delete from service_accounts where tenant_id = $1", tenant)
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the service accounts of a tenant"))?;
    sqlx::query!("delete from invitation_mails where tenant_id = $1", tenant)
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the counted mails of a tenant"))?;
    Ok(())
}

/// Deletes the roles and policies of a tenant, of which it has a bounded number.
async fn delete_rules(pool: &MirrorPool, tenant: Uuid) -> Result<(), Error> {
    let statements = [
        sqlx::query!("delete from role_policies where tenant_id = $1", tenant),
        sqlx::query!("delete from roles where tenant_id = $1", tenant),
        sqlx::query!("delete from policies where tenant_id = $1", tenant),
    ];
    for statement in statements {
        let deleted = statement.execute(pool.inner()).await;
        deleted.map_err(Error::database("delete the roles and policies of a tenant"))?;
    }
    Ok(())
}

/// Deletes all documents: their contents in the storage before the rows that name them. A worker that is busy with one loses its lease.
async fn delete_documents(
    pool: &MirrorPool,
    objects: Option<&Objects>,
    tenant: Uuid,
) -> Result<u64, PurgeError> {
    sqlx::query!("delete from document_jobs where tenant_id = $1", tenant)
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the queued documents of a tenant"))?;
    let has_contents = sqlx::query_scalar!(
        r#"select exists (select from document_contents where tenant_id = $1) as "exists!""#,
        tenant
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("find the contents of documents of a tenant"))?;
    match objects {
        // Also what a crash has left without a row.
        Some(objects) => objects.delete_folder(&tenant_folder(tenant)).await?,
        None if has_contents => return Err(PurgeError::NotConfigured),
        None => {}
    }
    delete_batches(pool, "delete the contents of documents of a tenant", || {
        sqlx::query!(
            "delete from document_contents where (document_id, content_version) in (
               select document_id, content_version from document_contents where tenant_id = $1 limit $2
             ) and tenant_id = $1",
            tenant,
            BATCH_SIZE
        )
    })
    .await?;
    delete_batches(pool, "delete the chunks of documents of a tenant", || {
        sqlx::query!(
            "delete from document_chunks where id in (
               select id from document_chunks where tenant_id = $1 limit $2
             ) and tenant_id = $1",
            tenant,
            BATCH_SIZE
        )
    })
    .await?;
    let documents = delete_batches(pool, "delete the documents of a tenant", || {
        sqlx::query!(
            "delete from documents where id in (
               select id from documents where tenant_id = $1 limit $2
             ) and tenant_id = $1",
            tenant,
            BATCH_SIZE
        )
    })
    .await?;
    Ok(documents)
}

/// Deletes all stored outputs, the object before its row, so that a crash leaves none that nobody knows of.
async fn delete_outputs(
    pool: &MirrorPool,
    objects: Option<&Objects>,
    tenant: Uuid,
) -> Result<u64, PurgeError> {
    let mut deleted = 0;
    loop {
        let found = sqlx::query!(
            "select run_uid, sha256, uri from stored_outputs where tenant_id = $1 order by run_uid, sha256 limit $2",
            tenant,
            SMALL_BATCH_SIZE
        )
        .fetch_all(pool.inner())
        .await
        .map_err(Error::database("find the outputs of a tenant"))?;
        if found.is_empty() {
            return Ok(deleted);
        }
        let objects = objects.ok_or(PurgeError::NotConfigured)?;
        for output in found {
            // An output whose URI is not valid was never stored.
            if let Ok(name) = OutputName::from_uri(&output.uri) {
                objects.delete(&name.to_string()).await?;
            }
            sqlx::query!(
                "delete from stored_outputs where tenant_id = $1 and run_uid = $2 and sha256 = $3",
                tenant,
                output.run_uid,
                output.sha256
            )
            .execute(pool.inner())
            .await
            .map_err(Error::database("delete the row of an output"))?;
            deleted += 1;
        }
    }
}
