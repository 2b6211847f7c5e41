//! Lists of documents.

use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Document, DocumentStatus, READ};
use crate::{
    auth::ConditionalRights,
    store::{
        Count, Created, Error, Limit, Order, Page, Position, Target, TenantTx,
        page::{count_query, page, push_count_end, push_created, push_keyset},
        rights::push_rights,
    },
};

/// Options of a list of documents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a> {
    /// Status that documents must have; any if `None`.
    pub status: Option<DocumentStatus>,
    /// Tag that documents must have; any if `None`.
    pub tag: Option<&'a str>,
    /// Creation times that rows must have.
    pub created: Created,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
}

/// Lists the tenant's documents.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut TenantTx, query: Query<'_>) -> Result<Page<Document>, Error> {
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = QueryBuilder::new(
        "select id, uploaded_by, file_name, declared_type, mime_type, metadata, parsed_metadata, tags, status, error_code, \
         error_message, content_version, indexed_version, size_bytes, content_sha256, page_count, chunk_count, version, \
         created_at, updated_at ",
    );
    push_selection(&mut sql, tenant, rights.as_deref(), query);
    push_keyset(&mut sql, query.order, query.after, query.limit);
    let rows = sql
        .build_query_as::<Document>()
        .fetch_all(connection)
        .await
        .map_err(Error::query("list documents"))?;
    Ok(page(rows, query.limit, |document| Position { created_at: document.created_at, id: document.id }))
}

/// Counts the tenant's documents that the filters of a query select, on all pages.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut TenantTx, query: Query<'_>) -> Result<Count, Error> {
    let rights = tx.restriction(READ);
    let (connection, tenant) = tx.connection_and_tenant();
    let mut sql = count_query();
    push_selection(&mut sql, tenant, rights.as_deref(), query);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(connection).await;
    rows.map(Count::new).map_err(Error::query("count documents"))
}

fn push_selection(
    sql: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    rights: Option<&ConditionalRights>,
    query: Query<'_>,
) {
    let Query { status, tag, created, order, after, limit: _ } = query;
    sql.push("from documents where tenant_id = ").push_bind(tenant);
    if let Some(status) = status {
        sql.push(" and status = ").push_bind(status);
    }
    if let Some(tag) = tag {
        // A text of Postgres has no NUL.
        sql.push(if tag.contains('\0') { " and false" } else { "" });
        let tag = tag.replace('\0', "");
        sql.push(" and tags @> array[").push_bind(tag).push("]");
    }
    push_created(sql, created, order, after);
    push_rights(sql, rights, READ, Target::Documents);
}
