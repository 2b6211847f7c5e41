//! The record in Postgres of exports and their files.

use std::fmt;

use uuid::Uuid;

use super::folder;
use crate::{
    db::MirrorPool,
    objects::Objects,
    tenant_end::{Error, archiving::Archiving},
};

/// File of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExportFile {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) number: i32,
    pub(super) rows: i64,
    pub(super) bytes: i64,
    pub(super) sha256: String,
    pub(super) last_key: String,
}

/// Numbers of what an export contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::tenant_end) struct Totals {
    files: i64,
    rows: i64,
    bytes: i64,
    outputs: i64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, rows, bytes, outputs } = self;
        write!(f, "{rows} rows in {files} files of {bytes} bytes, and {outputs} stored outputs")
    }
}

/// Checks that the mirror has stored the ends of all runs: the operator may have been faster.
pub(super) async fn check_runs(pool: &MirrorPool, tenant: Uuid) -> Result<(), Error> {
    let unfinished = sqlx::query_scalar!(
        r#"select count(*) as "count!" from workflow_runs where tenant_id = $1 and live and not finished"#,
        tenant
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("count the unfinished runs of a tenant"))?;
    if unfinished == 0 { Ok(()) } else { Err(Error::UnfinishedRuns(unfinished)) }
}

/// Checks that the mirror could store all runs and workflows of the tenant's namespace.
pub(super) async fn check_quarantine(pool: &MirrorPool, tenant: Uuid) -> Result<(), Error> {
    let quarantined = sqlx::query!(
        r#"select q.kind, q.name, q.problem, count(*) over () as "count!"
           from tenants t join mirror_quarantine q on q.namespace = t.namespace
           where t.id = $1 and q.kind in ('WORKFLOW', 'WORKFLOW_RUN') order by q.kind, q.name limit 1"#,
        tenant
    )
    .fetch_optional(pool.inner())
    .await
    .map_err(Error::database("find objects of a tenant that cannot be stored"))?;
    quarantined.map_or(Ok(()), |first| {
        let kind = if first.kind == "WORKFLOW" { "workflow" } else { "run" };
        let (object, problem, others) = (format!("{kind} {}", first.name), first.problem, first.count - 1);
        Err(Error::Quarantined { object, problem, others })
    })
}

/// Records that an export has begun, before anything of it is in the object storage. The record ends when the export is deleted.
pub(super) async fn begin(pool: &MirrorPool, archiving: Archiving) -> Result<(), Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    sqlx::query!(
        "insert into tenant_exports (tenant_id, export_id) values ($1, $2) on conflict do nothing",
        tenant,
        export_id
    )
    .execute(pool.inner())
    .await
    .map(drop)
    .map_err(Error::database("record that an export has begun"))
}

/// Returns whether an export is the current one of its tenant, and not deleted with the tenant's data.
pub(super) async fn is_retained(pool: &MirrorPool, archiving: Archiving) -> Result<bool, Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    sqlx::query_scalar!(
        r#"select exists (
             select from tenant_archivings a join tenants t on t.id = a.tenant_id
             where a.tenant_id = $1 and a.export_id = $2 and (a.exported_at is not null or not exists (
               select from tenant_deletions d where d.tenant_id = t.id and d.uid = t.uid
             ))
           ) as "kept!""#,
        tenant,
        export_id
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("find the current export of a tenant"))
}

/// Returns the file of an export that was recorded last.
pub(super) async fn last(pool: &MirrorPool, archiving: Archiving) -> Result<Option<ExportFile>, Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    sqlx::query_as!(
        ExportFile,
        "select name, kind, number, rows, bytes, sha256, last_key from tenant_export_files
         where tenant_id = $1 and export_id = $2 order by sequence desc limit 1",
        tenant,
        export_id
    )
    .fetch_optional(pool.inner())
    .await
    .map_err(Error::database("find the last file of an export"))
}

/// Returns all files of an export in their order.
pub(super) async fn all(pool: &MirrorPool, archiving: Archiving) -> Result<Vec<ExportFile>, Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    sqlx::query_as!(
        ExportFile,
        "select name, kind, number, rows, bytes, sha256, last_key from tenant_export_files
         where tenant_id = $1 and export_id = $2 order by sequence",
        tenant,
        export_id
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("read the files of an export"))
}

/// Records a file, unless the export is not the current one any more, its tenant's data is being deleted, or another replica
/// has recorded a different file in its place.
pub(super) async fn record(pool: &MirrorPool, archiving: Archiving, file: &ExportFile) -> Result<(), Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    let ExportFile { name, kind, number, rows, bytes, sha256, last_key } = file;
    sqlx::query!(
        "insert into tenant_export_files (tenant_id, export_id, name, kind, number, rows, bytes, sha256, last_key)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9
         from tenant_archivings a join tenants t on t.id = a.tenant_id
         where a.tenant_id = $1 and a.export_id = $2 and a.exported_at is null and not exists (
           select from tenant_deletions d where d.tenant_id = t.id and d.uid = t.uid
         )
         on conflict (tenant_id, export_id, kind, number) do nothing",
        tenant,
        export_id,
        name,
        kind,
        number,
        rows,
        bytes,
        sha256,
        last_key
    )
    .execute(pool.inner())
    .await
    .map_err(Error::database("record a file of an export"))?;
    // A statement of its own, which sees what another replica has recorded meanwhile: perhaps the same file.
    let recorded = sqlx::query_scalar!(
        "select name from tenant_export_files where tenant_id = $1 and export_id = $2 and kind = $3 and number = $4",
        tenant,
        export_id,
        kind,
        number
    )
    .fetch_optional(pool.inner())
    .await
    .map_err(Error::database("find a file of an export"))?;
    if recorded.as_ref() == Some(name) { Ok(()) } else { Err(Error::Superseded) }
}

/// Records that the manifest of an export is written.
pub(super) async fn complete(pool: &MirrorPool, archiving: Archiving) -> Result<(), Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    let completed = sqlx::query!(
        "update tenant_archivings set exported_at = coalesce(exported_at, now())
         where tenant_id = $1 and export_id = $2",
        tenant,
        export_id
    )
    .execute(pool.inner())
    .await
    .map_err(Error::database("record that an export is complete"))?;
    if completed.rows_affected() == 1 { Ok(()) } else { Err(Error::Superseded) }
}

/// Returns the numbers of what an export contains.
pub(in crate::tenant_end) async fn totals(pool: &MirrorPool, archiving: Archiving) -> Result<Totals, Error> {
    let Archiving { tenant, export_id, .. } = archiving;
    sqlx::query_as!(
        Totals,
        r#"select count(*) as "files!", coalesce(sum(rows), 0)::bigint as "rows!",
                  coalesce(sum(bytes), 0)::bigint as "bytes!",
                  coalesce(sum(rows) filter (where kind = 'outputs'), 0)::bigint as "outputs!"
           from tenant_export_files where tenant_id = $1 and export_id = $2"#,
        tenant,
        export_id
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("sum the files of an export"))
}

/// Deletes all exports of a tenant but one, if there are any, with what interrupted exports have left: the manifest first, so that no
/// incomplete export seems to be complete.
///
/// # Errors
/// Returns an error if the database or the object storage refuses a request.
pub(in crate::tenant_end) async fn delete_obsolete(
    pool: &MirrorPool,
    objects: Option<&Objects>,
    slug: &str,
    tenant: Uuid,
    kept: Option<Archiving>,
) -> Result<(), Error> {
    let kept = kept.map_or(Uuid::nil(), |kept| kept.export_id);
    let obsolete = sqlx::query_scalar!(
        "select export_id from tenant_exports where tenant_id = $1 and export_id <> $2",
        tenant,
        kept
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("find earlier exports of a tenant"))?;
    for export_id in obsolete {
        let objects = objects.ok_or(crate::retention::PurgeError::NotConfigured)?;
        let folder = folder(slug, export_id);
        objects.delete(&format!("{folder}manifest.json")).await?;
        objects.delete_folder(&folder).await?;
        sqlx::query!(
            "with files as (delete from tenant_export_files where tenant_id = $1 and export_id = $2)
             delete from tenant_exports where tenant_id = $1 and export_id = $2",
            tenant,
            export_id
        )
        .execute(pool.inner())
        .await
        .map_err(Error::database("delete the record of an export"))?;
    }
    Ok(())
}
