//! Changing the fields of documents.

use domain::permission::Permission;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AUDIT_KIND,
    check::{Checked, check},
    delete::check_present,
};
use crate::{
    app::{App, Error, audit, rights::require, tenants::active},
    auth::TenantScope,
    store::{
        Target, TenantTx,
        documents::{self, Document, DocumentStatus, Fields, jobs},
    },
};

const ACTION: &str = "change the document";
/// Permissions that depend on the tags of a document.
const PERMISSIONS: [Permission; 6] = [
    Permission::DOCUMENT_READ,
    Permission::DOCUMENT_CONTENT_READ,
    Permission::DOCUMENT_UPDATE,
    Permission::DOCUMENT_DELETE,
    Permission::DOCUMENT_PROCESS,
    Permission::CHUNK_READ,
];

/// Change of a document: the fields that are not `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Name of the file.
    pub file_name: Option<String>,
    /// Metadata: an object, which replaces the earlier one.
    pub metadata: Option<Value>,
    /// All tags, which replace the earlier ones.
    pub tags: Option<Vec<String>>,
}

/// Changes a document and returns it. `version` is the one that it must have; any if `None`.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has no such document, if the request is not valid, if the document was changed
/// since this version or is being deleted, if the caller may not change it before or after the change, or if the database fails.
pub async fn update(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    version: Option<i64>,
    patch: Patch,
) -> Result<Document, Error> {
    audit::begin_write(ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let current = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    require(&mut tx, id, Permission::DOCUMENT_UPDATE, Target::Documents).await?;
    audit::record_object(AUDIT_KIND, Some(id), &current.file_name);
    if version.is_some_and(|version| version != current.version) {
        return Err(Error::Stale { action: ACTION });
    }
    check_present(ACTION, &current)?;
    let Patch { file_name, metadata, tags } = patch;
    let file_name = file_name.unwrap_or_else(|| current.file_name.clone());
    let metadata = metadata.unwrap_or_else(|| current.metadata.clone());
    let tags = tags.unwrap_or_else(|| current.tags.clone());
    let fields = Checked { file_name: &file_name, declared_type: None, metadata: &metadata, tags: &tags };
    let tags = check(ACTION, fields)?;
    let before = flat(&current.file_name, &current.metadata, &current.tags);
    let after = flat(&file_name, &metadata, &tags);
    if before == after {
        return Ok(current);
    }
    audit::record_changes(audit::differences(&before, &after));
    let permitted = permitted(&mut tx, id).await?;
    documents::update(&mut tx, id, Fields { file_name: &file_name, metadata: &metadata, tags: &tags })
        .await?;
    // Tags decide who may do what: nobody gives a document tags with which they may do more, or could not change it any more.
    let then = self::permitted(&mut tx, id).await?;
    let gained = then.iter().find(|permission| !permitted.contains(permission)).copied();
    let lost = Some(Permission::DOCUMENT_UPDATE).filter(|permission| !then.contains(permission));
    if let Some(permission) = gained.or(lost) {
        return Err(Error::NotPermitted { permission });
    }
    // The points of its chunks have the tags and the metadata, too. While a worker reads the content, it writes them anyway.
    if current.status == DocumentStatus::Ready {
        jobs::enqueue(&mut tx, id).await?;
    }
    let changed = documents::lock(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}

/// Returns the permissions that the caller has for a document.
async fn permitted(tx: &mut TenantTx, id: Uuid) -> Result<Vec<Permission>, Error> {
    let mut permitted = Vec::new();
    for permission in PERMISSIONS {
        if tx.is_permitted(id, permission, Target::Documents).await? {
            permitted.push(permission);
        }
    }
    Ok(permitted)
}

/// Returns the fields as the audit log compares them.
fn flat(file_name: &str, metadata: &Value, tags: &[String]) -> Value {
    json!({"fileName": file_name, "metadata": metadata, "tags": tags})
}
