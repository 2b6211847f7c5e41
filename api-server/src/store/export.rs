//! Rows of a tenant as JSON texts, in pages, for the export of its data.

use super::{Error, TenantTx};

/// Maximum number of rows of a page. Postgres renders all of them, although a page may have room for the first only.
const PAGE_ROWS: i64 = 200;
/// Maximum number of rows of a page whose rows may have MiB each, or some hundred KiB.
const PAGE_LARGE_ROWS: i64 = 8;

/// Kind of exported rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// The tenant itself.
    Tenant,
    /// Workflows.
    Workflows,
    /// Runs.
    Runs,
    /// Lines of the logs of runs.
    Logs,
    /// Stored outputs of runs.
    Outputs,
    /// Events.
    Events,
    /// Uploaded pictures of users. Later than other kinds, so that an export that an earlier release has begun contains them, too.
    UserPictures,
    /// Documents, and their contents.
    Documents,
    /// Chunks of documents.
    Chunks,
}

impl Kind {
    /// Returns the name of the kind, such as `runs`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Row as JSON text in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedRow {
    /// Position of the row in the order of its kind.
    pub key: String,
    /// JSON text.
    pub json: String,
}

/// Returns rows of a kind in their order: the first after the key `after`, and as many more as have at most `max_bytes` together.
/// Without `after`, begins with the first row. Events after the sequence number `last_event` are left out.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn page(
    tx: &mut TenantTx,
    kind: Kind,
    after: Option<&str>,
    max_bytes: i64,
    last_event: i64,
) -> Result<Vec<ExportedRow>, Error> {
    let lines = match kind {
        Kind::Tenant => tenant(tx, after, max_bytes).await,
        Kind::Workflows => workflows(tx, after, max_bytes).await,
        Kind::Runs => runs(tx, after, max_bytes).await,
        Kind::Logs => logs(tx, after, max_bytes).await,
        Kind::Outputs => outputs(tx, after, max_bytes).await,
        Kind::Events => events(tx, after, max_bytes, last_event).await,
        Kind::UserPictures => user_pictures(tx, after, max_bytes).await,
        Kind::Documents => documents(tx, after, max_bytes).await,
        Kind::Chunks => chunks(tx, after, max_bytes).await,
    };
    let mut lines = lines.map_err(Error::query("read rows to export"))?;
    for line in &mut lines {
        // Between the tokens of a JSON text, a line break means as much as a space; within strings there is none.
        line.json = line.json.replace(['\n', '\r'], " ");
    }
    Ok(lines)
}

type ExportedRows = sqlx::Result<Vec<ExportedRow>>;

async fn tenant(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by key) as number,
                    sum(octet_length(json)) over (order by key) as bytes from (
               select id::text as key, json_build_object(
                 'id', id, 'uid', uid, 'slug', slug, 'displayName', display_name, 'state', state, 'plan', plan_name,
                 'namespace', namespace, 'createdAt', created_at, 'updatedAt', updated_at, 'spec', spec, 'status', status
               )::text as json
               from tenants where id = $1 and ($2::text is null or id > $2::text::uuid) order by id limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn workflows(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by id) as number,
                    sum(octet_length(json)) over (order by id) as bytes from (
               select id, id::text as key, json_build_object(
                 'id', id, 'uid', uid, 'name', name, 'displayName', display_name, 'description', description,
                 'state', state, 'revision', revision, 'valid', valid, 'problems', problems,
                 'createdAt', created_at, 'updatedAt', updated_at, 'spec', spec, 'status', status
               )::text as json
               from workflows where tenant_id = $1 and ($2::text is null or id > $2::text::uuid) order by id limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_LARGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn runs(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by id) as number,
                    sum(octet_length(json)) over (order by id) as bytes from (
               select id, id::text as key, json_build_object(
                 'id', id, 'uid', uid, 'name', name, 'workflowName', workflow_name, 'workflowId', workflow_id,
                 'revision', revision, 'status', status, 'trigger', trigger, 'requestedBy', requested_by,
                 'priority', priority, 'cancellation', cancel, 'createdAt', created_at, 'startedAt', started_at,
                 'finishedAt', finished_at, 'input', input, 'effectiveInput', effective_input, 'output', output,
                 'outputRef', output_ref, 'error', error, 'steps', steps, 'decisions', decisions, 'reuse', reuse,
                 'reused', reused
               )::text as json
               from workflow_runs where tenant_id = $1 and ($2::text is null or id > $2::text::uuid) order by id limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_LARGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn logs(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by run_id, chunk) as number,
                    sum(octet_length(json)) over (order by run_id, chunk) as bytes from (
               select run_id, chunk, run_id || '/' || chunk as key, json_build_object(
                 'runId', run_id, 'chunk', chunk, 'lines', lines
               )::text as json
               from run_log_chunks
               where tenant_id = $1 and ($2::text is null
                 or (run_id, chunk) > (split_part($2::text, '/', 1)::uuid, split_part($2::text, '/', 2)::bigint))
               order by run_id, chunk limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_LARGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn outputs(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by run_uid, sha256) as number,
                    sum(octet_length(json)) over (order by run_uid, sha256) as bytes from (
               select run_uid, sha256, run_uid || '/' || sha256 as key, json_build_object(
                 'runUid', run_uid, 'sha256', sha256, 'uri', uri, 'bytes', bytes, 'mediaType', media_type,
                 'createdAt', created_at, 'file', 'outputs/' || run_uid || '/' || sha256
               )::text as json
               from stored_outputs
               where tenant_id = $1 and ($2::text is null
                 or (run_uid, sha256) > (split_part($2::text, '/', 1)::uuid, split_part($2::text, '/', 2)))
               order by run_uid, sha256 limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn events(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64, last: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by seq) as number,
                    sum(octet_length(json)) over (order by seq) as bytes from (
               select seq, seq::text as key, json_build_object(
                 'seq', seq, 'kind', kind, 'objectId', object_id, 'change', change, 'data', data, 'at', at
               )::text as json
               from events where tenant_id = $1 and seq <= $5 and ($2::text is null or seq > $2::text::bigint)
               order by seq limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_ROWS,
        max_bytes,
        last
    )
    .fetch_all(connection)
    .await
}

async fn user_pictures(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    // The encoding breaks lines after 76 letters.
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by user_id) as number,
                    sum(octet_length(json)) over (order by user_id) as bytes from (
               select p.user_id, p.user_id::text as key, json_build_object(
                 'userId', p.user_id, 'email', u.email, 'sha256', p.sha256, 'updatedAt', p.updated_at,
                 'png', translate(encode(p.png, 'base64'), E'\n', '')
               )::text as json
               from user_pictures p join users u on u.tenant_id = p.tenant_id and u.id = p.user_id
               where p.tenant_id = $1 and ($2::text is null or p.user_id > $2::text::uuid) order by p.user_id limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_LARGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn documents(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by id) as number,
                    sum(octet_length(json)) over (order by id) as bytes from (
               select id, id::text as key, json_build_object(
                 'id', id, 'uploadedBy', uploaded_by, 'fileName', file_name, 'declaredType', declared_type,
                 'mimeType', mime_type, 'metadata', metadata, 'parsedMetadata', parsed_metadata, 'tags', tags,
                 'status', status, 'errorCode', error_code, 'errorMessage', error_message,
                 'contentVersion', content_version, 'sizeBytes', size_bytes, 'contentSha256', content_sha256,
                 'pageCount', page_count, 'chunkCount', chunk_count, 'createdAt', created_at, 'updatedAt', updated_at,
                 'object', 'documents/' || tenant_id || '/' || id || '/' || content_version,
                 'file', 'documents/' || id || '/' || content_version
               )::text as json
               from documents where tenant_id = $1 and ($2::text is null or id > $2::text::uuid) order by id limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

async fn chunks(tx: &mut TenantTx, after: Option<&str>, max_bytes: i64) -> ExportedRows {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        ExportedRow,
        r#"select key as "key!", json as "json!" from (
             select key, json, row_number() over (order by document_id, ordinal) as number,
                    sum(octet_length(json)) over (order by document_id, ordinal) as bytes from (
               select c.document_id, c.ordinal, c.document_id || '/' || c.ordinal as key, json_build_object(
                 'id', c.id, 'documentId', c.document_id, 'ordinal', c.ordinal, 'text', c.text, 'start', c.starts_at,
                 'end', c.ends_at, 'tokens', c.tokens, 'firstPage', c.first_page, 'lastPage', c.last_page,
                 'headings', c.headings
               )::text as json
               from document_chunks c
               join documents d on d.tenant_id = c.tenant_id and d.id = c.document_id and d.indexed_version = c.content_version
               where c.tenant_id = $1 and ($2::text is null
                 or (c.document_id, c.ordinal) > (split_part($2::text, '/', 1)::uuid, split_part($2::text, '/', 2)::integer))
               order by c.document_id, c.ordinal limit $3
             ) as next
           ) as measured
           where bytes <= $4 or number = 1 order by number"#,
        tenant,
        after,
        PAGE_ROWS,
        max_bytes
    )
    .fetch_all(connection)
    .await
}

/// Returns the sequence number of the last event of the tenant; 0 without events.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn last_event(tx: &mut TenantTx) -> Result<i64, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!(r#"select coalesce(max(seq), 0) as "last!" from events where tenant_id = $1"#, tenant)
        .fetch_one(connection)
        .await
        .map_err(Error::query("find the last event to export"))
}
