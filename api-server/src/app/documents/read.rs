//! Reading documents.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::{
        App, Error,
        page::{List, Page, Paging},
    },
    auth::TenantScope,
    store::{
        Count, Created, TenantTx,
        documents::{self, Document, DocumentStatus},
    },
};

/// Filters of a list of documents.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Status of the documents.
    pub status: Option<DocumentStatus>,
    /// Tag of the documents.
    pub tag: Option<String>,
    /// Creation times of the documents.
    pub created: Created,
}

/// Returns the metadata of a document: what its content says, and what its user has given, which takes precedence.
#[must_use]
pub fn metadata(document: &Document) -> Value {
    let mut merged = document.parsed_metadata.as_object().cloned().unwrap_or_default();
    merged.extend(document.metadata.as_object().cloned().unwrap_or_default());
    Value::Object(merged)
}

/// Returns a document.
///
/// # Errors
/// Returns an error if the tenant has no such document, or if the database fails.
pub async fn get(app: &App, scope: TenantScope, id: Uuid) -> Result<Document, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    documents::get(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns the documents with these IDs, in no particular order. Unknown IDs are skipped.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn get_many(app: &App, scope: TenantScope, ids: &[Uuid]) -> Result<Vec<Document>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(documents::by_ids(&mut tx, ids).await?)
}

/// Returns a page of the tenant's documents.
///
/// # Errors
/// Returns an error if the cursor belongs to another list, or if the database fails.
pub async fn list(
    app: &App,
    scope: TenantScope,
    filter: &Filter,
    paging: &Paging,
) -> Result<Page<Document>, Error> {
    let Filter { status, tag, created } = filter;
    let list = List::new(&app.cursors, Some(scope.tenant_id()), "documents", paging.order)
        .filtered("status", *status)
        .filtered("tag", tag.as_deref())
        .created(*created);
    let after = list.open(paging)?;
    let query =
        documents::Query { order: paging.reading_order(), after, limit: paging.limit, ..query(filter) };
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(list.page(documents::list(&mut tx, query).await?, paging))
}

/// Counts the tenant's documents.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn count(app: &App, scope: TenantScope, filter: &Filter) -> Result<Count, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(documents::count(&mut tx, query(filter)).await?)
}

fn query(Filter { status, tag, created }: &Filter) -> documents::Query<'_> {
    documents::Query {
        status: *status,
        tag: tag.as_deref(),
        created: *created,
        ..documents::Query::default()
    }
}
