//! Tenants.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{
    ContentSize, Count, Created, Error, InlineContent, Limit, Order, Page, PlatformTx, Position, TenantTx,
    page::{count_query, page, push_count_end, push_created, push_keyset},
};
use crate::{
    auth::FoundTenant,
    db::{Access, AppPool, Slug, Timestamp},
    vectors::KnowledgeBase,
};

/// Desired state of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantState {
    /// The tenant can be read and written, and runs are started.
    Active,
    /// The tenant can be read; writes are refused and no run is started.
    Suspended,
    /// The tenant is suspended permanently and retained read-only.
    Archived,
}

/// Row of a tenant.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Tenant {
    /// ID: the UID under which the object was first mirrored.
    pub id: Uuid,
    /// Name of the object.
    pub slug: String,
    /// Display name.
    pub display_name: String,
    /// Desired state.
    pub state: TenantState,
    /// Name of the plan.
    pub plan_name: String,
    /// Namespace in Kubernetes.
    pub namespace: String,
    /// Free-form settings.
    pub settings: Value,
    /// Generation: number of changes of the spec, starting at 1.
    pub generation: i64,
    /// Resource version of the object.
    pub resource_version: i64,
    /// Creation time of the object.
    pub created_at: Timestamp,
    /// Time of the last write of the object.
    pub updated_at: Timestamp,
}

/// Returns the tenant with the slug of a verified token. The query can access the row of no other tenant.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_slug(pool: &AppPool, slug: &str) -> Result<Option<FoundTenant>, Error> {
    let Some(access) = Slug::new(slug).map(Access::Slug) else { return Ok(None) };
    let mut tx = pool.begin_with(access).await.map_err(Error::Begin)?;
    let row = sqlx::query!(
        r#"select t.id, p.limits ->> 'apiRequestsPerMinute' as "requests_per_minute"
         from tenants t left join plans p on p.name = t.plan_name
         where t.slug = $1 and t.deleted_at is null"#,
        slug
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(Error::query("find a tenant by its slug"))?;
    Ok(row.map(|row| FoundTenant {
        id: row.id,
        requests_per_minute: row.requests_per_minute.and_then(|limit| requests_per_minute(&limit)),
    }))
}

/// Reads a limit. Plans of before its minimum may have 0.
pub(super) fn requests_per_minute(limit: &str) -> Option<NonZeroU32> {
    Some(NonZeroU32::new(limit.parse().ok()?).unwrap_or(NonZeroU32::MIN))
}

/// Returns the tenant of the transaction, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn current(tx: &mut TenantTx) -> Result<Option<Tenant>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, generation,
                resource_version, created_at, updated_at
         from tenants where id = $1 and deleted_at is null",
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the tenant"))
}

/// Returns where the points of the tenant's chunks are, as the operator reports it; `None` while it has not.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn knowledge_base(tx: &mut TenantTx) -> Result<Option<KnowledgeBase>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!("select uid, status -> 'vectors' as vectors from tenants where id = $1", tenant)
        .fetch_optional(connection)
        .await
        .map_err(Error::query("find the knowledge base of the tenant"))?;
    Ok(row.and_then(|row| KnowledgeBase::new(row.uid?, serde_json::from_value(row.vectors?).ok()?)))
}

/// Returns the tenant of the transaction if its settings take at most as much memory as `inline` says; `None` if they take more, or
/// if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn current_with_settings(
    tx: &mut TenantTx,
    inline: InlineContent,
) -> Result<Option<Tenant>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, generation,
                resource_version, created_at, updated_at
         from tenants where id = $1 and deleted_at is null and decoded_bytes(settings) <= $2",
        tenant,
        inline.limit()
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the tenant"))
}

/// What writes need to know about their tenant. Its settings, which may be large, are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantToWrite {
    /// Name of the object.
    pub slug: String,
    /// Desired state.
    pub state: TenantState,
    /// Name of the plan.
    pub plan_name: String,
    /// Namespace in Kubernetes that the tenant names.
    pub namespace: String,
    /// Whether the operator has set the tenant up in this namespace: it may belong to another tenant.
    pub is_set_up: bool,
}

/// Returns the tenant of the transaction for a write, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn to_write(tx: &mut TenantTx) -> Result<Option<TenantToWrite>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        TenantToWrite,
        r#"select slug, state, plan_name, namespace,
                  coalesce(without_nul(status) ->> 'namespace' = namespace, false) as "is_set_up!"
         from tenants where id = $1 and deleted_at is null"#,
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the tenant for a write"))
}

/// Returns the display name of the tenant of the transaction, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn display_name(tx: &mut TenantTx) -> Result<Option<String>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_scalar!("select display_name from tenants where id = $1 and deleted_at is null", tenant)
        .fetch_optional(connection)
        .await
        .map_err(Error::query("read the name of the tenant"))
}

/// Returns the size of the settings of the tenant of the transaction.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn settings_size(tx: &mut TenantTx) -> Result<ContentSize, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"select octet_length(settings::text)::bigint as "text!", decoded_bytes(settings) as "decoded!"
         from tenants where id = $1 and deleted_at is null"#,
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("measure the settings of the tenant"))?;
    Ok(row.map(|row| ContentSize::from_sums(row.text, row.decoded)).unwrap_or_default())
}

/// Returns the size of the settings of any tenant, for platform roles, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn size(tx: &mut PlatformTx, id: Uuid) -> Result<Option<ContentSize>, Error> {
    let row = sqlx::query!(
        r#"select octet_length(settings::text)::bigint as "text!", decoded_bytes(settings) as "decoded!"
         from tenants where id = $1 and deleted_at is null"#,
        id
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::query("measure the settings of a tenant"))?;
    Ok(row.map(|row| ContentSize::from_sums(row.text, row.decoded)))
}

/// Returns any tenant, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn get(tx: &mut PlatformTx, id: Uuid) -> Result<Option<Tenant>, Error> {
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, generation,
                resource_version, created_at, updated_at
         from tenants where id = $1 and deleted_at is null",
        id
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::query("read a tenant"))
}

/// Returns the tenants with these IDs that exist, in no particular order, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn by_ids(tx: &mut PlatformTx, ids: &[Uuid]) -> Result<Vec<Tenant>, Error> {
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, generation,
                resource_version, created_at, updated_at
         from tenants where id = any($1) and deleted_at is null",
        ids
    )
    .fetch_all(tx.connection())
    .await
    .map_err(Error::query("read tenants"))
}

/// Returns the size of the settings that [`by_ids`] reads.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn size_of_many(tx: &mut PlatformTx, ids: &[Uuid]) -> Result<ContentSize, Error> {
    let row = sqlx::query!(
        r#"select coalesce(sum(octet_length(settings::text)), 0)::bigint as "text!",
                  coalesce(sum(decoded_bytes(settings)), 0)::bigint as "decoded!"
         from tenants where id = any($1) and deleted_at is null"#,
        ids
    )
    .fetch_one(tx.connection())
    .await
    .map_err(Error::query("measure the settings of tenants by their IDs"))?;
    Ok(ContentSize::from_sums(row.text, row.decoded))
}

/// Object of a tenant in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantIdentity {
    /// UID of the object.
    pub uid: Uuid,
    /// Name of the object.
    pub slug: String,
}

/// Returns the object of the tenant of the transaction, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn own_identity(tx: &mut TenantTx) -> Result<Option<TenantIdentity>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        TenantIdentity,
        r#"select uid as "uid!", slug from tenants where id = $1 and deleted_at is null and uid is not null"#,
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find the object of the tenant"))
}

/// Returns the object of any tenant, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn identity(tx: &mut PlatformTx, id: Uuid) -> Result<Option<TenantIdentity>, Error> {
    sqlx::query_as!(
        TenantIdentity,
        r#"select uid as "uid!", slug from tenants where id = $1 and deleted_at is null and uid is not null"#,
        id
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::query("find the object of a tenant"))
}

/// Returns the tenant of a slug, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn of_slug(tx: &mut PlatformTx, slug: &str) -> Result<Option<Tenant>, Error> {
    sqlx::query_as!(
        Tenant,
        "select id, slug, display_name, state, plan_name, namespace, settings, generation,
                resource_version, created_at, updated_at
         from tenants where slug = $1 and deleted_at is null",
        slug
    )
    .fetch_optional(tx.connection())
    .await
    .map_err(Error::query("find a tenant of a slug"))
}

/// Returns the ID of the tenant that a namespace belongs to. As in the mirror, a namespace that an earlier tenant has left, or that
/// several tenants name, belongs to one of them once the operator says so.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn id_of_namespace(tx: &mut PlatformTx, namespace: &str) -> Result<Option<Uuid>, Error> {
    let owner = sqlx::query_scalar!(
        "select id from tenants t where namespace = $1 and deleted_at is null
           and (status ->> 'namespace' = namespace or not exists (
             select from tenants other where other.namespace = t.namespace and other.id <> t.id
           ))
         order by exists (
             select from json_array_elements(t.status -> 'conditions') c
             where c ->> 'type' = 'NamespaceReady' and c ->> 'status' = 'True'
           ) desc, created_at
         limit 1",
        namespace
    );
    owner.fetch_optional(tx.connection()).await.map_err(Error::query("find the tenant of a namespace"))
}

/// Columns that a list reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantColumns {
    /// All columns of a row.
    #[default]
    All,
    /// All but `settings`, which is empty in the rows.
    Small,
}

/// Options of a list of tenants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// State that tenants must have; all states if `None`.
    pub state: Option<TenantState>,
    /// Creation times that rows must have.
    pub created: Created,
    /// Sort order.
    pub order: Order,
    /// Position after which the page begins: the end of the previous page.
    pub after: Option<Position>,
    /// Maximum number of rows.
    pub limit: Limit,
    /// Columns to read.
    pub columns: TenantColumns,
}

/// Lists all tenants, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list(tx: &mut PlatformTx, query: Query) -> Result<Page<Tenant>, Error> {
    let mut sql = QueryBuilder::default();
    push_list(&mut sql, query);
    let rows = sql
        .build_query_as::<Tenant>()
        .fetch_all(tx.connection())
        .await
        .map_err(Error::query("list tenants"))?;
    Ok(page(rows, query.limit, |tenant| Position { created_at: tenant.created_at, id: tenant.id }))
}

/// Appends the statement of [`list`].
pub(in crate::store) fn push_list(sql: &mut QueryBuilder<Postgres>, query: Query) {
    let settings = match query.columns {
        TenantColumns::All => "settings",
        TenantColumns::Small => "'{}'::json as settings",
    };
    sql.push("select id, slug, display_name, state, plan_name, namespace, ").push(settings);
    sql.push(", generation, resource_version, created_at, updated_at");
    push_page(sql, query);
}

/// Returns the size of the settings that [`list`] reads.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn list_size(tx: &mut PlatformTx, query: Query) -> Result<ContentSize, Error> {
    let mut sql = QueryBuilder::new(
        "select coalesce(sum(octet_length(settings::text)), 0)::bigint, coalesce(sum(decoded_bytes(settings)), 0)::bigint \
         from (select settings",
    );
    push_page(&mut sql, query);
    sql.push(") as listed");
    let (text, decoded) = sql
        .build_query_as::<(i64, i64)>()
        .fetch_one(tx.connection())
        .await
        .map_err(Error::query("measure the settings of tenants"))?;
    Ok(ContentSize::from_sums(text, decoded))
}

/// Counts all tenants that the filters of a query select, on all pages, for platform roles.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn count(tx: &mut PlatformTx, query: Query) -> Result<Count, Error> {
    let mut sql = count_query();
    push_selection(&mut sql, query);
    push_count_end(&mut sql);
    let rows = sql.build_query_scalar().fetch_one(tx.connection()).await;
    rows.map(Count::new).map_err(Error::query("count tenants"))
}

fn push_page(sql: &mut QueryBuilder<Postgres>, query: Query) {
    let Query { order, after, limit, .. } = query;
    push_selection(sql, query);
    push_keyset(sql, order, after, limit);
}

fn push_selection(sql: &mut QueryBuilder<Postgres>, query: Query) {
    let Query { state, created, order, after, limit: _, columns: _ } = query;
    sql.push(" from tenants where deleted_at is null");
    if let Some(state) = state {
        sql.push(" and state = ").push_bind(state);
    }
    push_created(sql, created, order, after);
}
