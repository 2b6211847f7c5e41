//! Creating documents.

use domain::permission::Permission;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    AUDIT_KIND,
    check::{Checked, check},
    limits,
};
use crate::{
    app::{
        App, Error,
        audit::{self, Change},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        tenants::active,
    },
    auth::TenantScope,
    store::{
        Target, TenantTx,
        documents::{self, Document, Fields},
    },
};

const ACTION: &str = "create the document";

/// Document to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewDocument {
    /// Name of the file.
    pub file_name: String,
    /// Media type of the content that is uploaded later.
    pub declared_type: Option<String>,
    /// Metadata: an object.
    pub metadata: Value,
    /// Tags.
    pub tags: Vec<String>,
}

/// Parameters of a new document.
#[derive(Clone, Debug)]
pub struct Create {
    /// Document to create.
    pub document: NewDocument,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Creates a document without content and returns it, or the document that an earlier attempt of the same request created.
///
/// # Errors
/// Returns an error if no object storage is configured, if the tenant accepts no writes or has as many documents as its plan allows, if
/// the request is not valid, if the caller may not create a document with these tags, or if the database fails.
pub async fn create(app: &App, scope: TenantScope, create: Create) -> Result<(Document, Outcome), Error> {
    let Create { document, requested_by, key } = create;
    app.objects.as_ref().ok_or(Error::NoObjectStorage)?;
    let claim = Claim::new(scope, &requested_by, key, &KeyedAction::CreateDocument { document: &document });
    let (id, outcome) = claim.run(app, insert(app, scope, &requested_by, &document)).await?;
    // The creator gets to see what it has created, and later only what it may read then.
    let scope = if outcome == Outcome::Created { scope.unrestricted() } else { scope };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let document = documents::get(&mut tx, id).await?.ok_or(Error::CreatedObjectDeleted)?;
    audit::record_object(AUDIT_KIND, Some(id), &document.file_name);
    Ok((document, outcome))
}

async fn insert(
    app: &App,
    scope: TenantScope,
    uploaded_by: &str,
    document: &NewDocument,
) -> Result<Uuid, Error> {
    let NewDocument { file_name, declared_type, metadata, tags } = document;
    let declared_type = declared_type.as_deref();
    let tags = check(ACTION, Checked { file_name, declared_type, metadata, tags })?;
    audit::begin_write(ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    active(&mut tx).await?;
    let id = telemetry::ids::uuid_v7();
    let fields = Fields { file_name, metadata, tags: &tags };
    documents::insert(&mut tx, &documents::NewDocument { id, uploaded_by, declared_type, fields }).await?;
    limits::check_number(&mut tx).await?;
    if !tx.is_permitted(id, Permission::DOCUMENT_CREATE, Target::Documents).await? {
        return Err(Error::NotPermitted { permission: Permission::DOCUMENT_CREATE });
    }
    audit::record_object(AUDIT_KIND, Some(id), file_name);
    audit::record_changes([Change::new("/tags", None, Some(tags.as_slice().into()))]);
    tx.commit().await?;
    Ok(id)
}
