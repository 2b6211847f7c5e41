//! Names of the contents of documents in object storage.

use uuid::Uuid;

/// Returns the name of a content of a document. No other content ever has it.
#[must_use]
pub fn content_name(tenant: Uuid, document: Uuid, content_version: i32) -> String {
    format!("{}{document}/{content_version}", tenant_folder(tenant))
}

/// Returns the folder with all contents of a tenant.
#[must_use]
pub fn tenant_folder(tenant: Uuid) -> String {
    format!("documents/{tenant}/")
}
