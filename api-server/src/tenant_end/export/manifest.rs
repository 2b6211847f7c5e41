//! The manifest of an export, which lists its files. Pure.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::files::ExportFile;
use crate::tenant_end::archiving::Archiving;

/// Version of the format. It changes when a field is removed or changes its meaning.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    format: &'static str,
    version: u32,
    export_id: Uuid,
    tenant: Tenant<'a>,
    archived_at: Timestamp,
    exported_at: Timestamp,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct Tenant<'a> {
    id: Uuid,
    slug: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    kind: &'a str,
    rows: i64,
    bytes: i64,
    sha256: &'a str,
}

/// Returns the manifest as JSON text.
///
/// # Errors
/// Returns an error if it cannot be encoded.
pub(super) fn build(
    slug: &str,
    archiving: Archiving,
    files: &[ExportFile],
    now: Timestamp,
) -> serde_json::Result<Vec<u8>> {
    let files = files.iter().map(|file| {
        let ExportFile { name, kind, number: _, rows, bytes, sha256, last_key: _ } = file;
        File { name, kind, rows: *rows, bytes: *bytes, sha256 }
    });
    serde_json::to_vec_pretty(&Manifest {
        format: "smb-copilot-export",
        version: VERSION,
        export_id: archiving.export_id,
        tenant: Tenant { id: archiving.tenant, slug },
        archived_at: archiving.archived_at,
        exported_at: now,
        files: files.collect(),
    })
}
