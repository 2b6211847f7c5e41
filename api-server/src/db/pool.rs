//! Connection pools: one for requests and one for the mirror, each with a type and a database role of its own.

use std::{sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use super::roles::Role;
use crate::limits::{Exhausted, Permit, Shares};

/// Timeout of acquiring a connection. A request that waits longer fails, since the database is overloaded.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of connections per pool; a small Postgres allows 100 in total.
const MAX_CONNECTIONS: u32 = 16;
/// Maximum number of connections for transactions of tenants, and for those of one tenant. The others look up tenants and
/// serve the platform. A tenant whose requests need more waits for its own.
const TENANT_SESSIONS: (usize, usize) = (14, 4);
/// Idle time after which a connection is tested before a request uses it. A test costs as much as a statement; a connection
/// that was used within this time works, or fails at the start of the transaction, which is then begun on another one.
const UNTESTED_IDLE_TIME: Duration = Duration::from_secs(5);
/// Session settings. A statement that exceeds its limit indicates a defect, and would delay others. Only a
/// process that hangs leaves a transaction idle for so long.
const SESSION_OPTIONS: [(&str, &str); 2] =
    [("statement_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s")];

/// Pool with the role `smb_app`, whose transactions can access only the rows of the tenant that they name.
#[derive(Clone)]
pub struct AppPool {
    pool: PgPool,
    sessions: Arc<Shares<Uuid>>,
    /// Tenant of all transactions, whatever tenant their statements name: a test of row-level security alone.
    #[cfg(test)]
    session_tenant: Option<Uuid>,
}

/// Transaction of a tenant, which counts towards its share of the connections.
pub(crate) struct TenantSession {
    /// The transaction.
    pub(crate) tx: Transaction<'static, Postgres>,
    _permit: Permit,
}

/// Connection for single statements of a tenant, which counts towards its share of the connections.
pub(crate) struct TenantConnection {
    connection: PoolConnection<Postgres>,
    _permit: Permit,
}

/// No transaction could be begun for a tenant.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// All connections for the tenant, or for all tenants, were in use.
    #[error("failed to get a connection within {} s", ACQUIRE_TIMEOUT.as_secs())]
    Exhausted(#[source] Exhausted),
    /// The database cannot be reached.
    #[error("failed to begin")]
    Database(#[source] sqlx::Error),
}

/// Pool with the role `smb_mirror`, which writes the projection of Kubernetes for all tenants.
#[derive(Clone, Debug)]
pub struct MirrorPool(PgPool);

/// Connection options for each of the three roles.
#[derive(Clone)]
pub struct Urls {
    owner: PgConnectOptions,
    app: PgConnectOptions,
    mirror: PgConnectOptions,
}

/// A database URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UrlsError {
    /// The URL does not parse. The message does not contain the URL, since it is a secret.
    #[error("failed to parse the database URL for {purpose}")]
    Parse {
        /// Purpose of the URL.
        purpose: &'static str,
        /// Reason why it does not parse.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Urls {
    /// Parses the URLs. Those of the roles `smb_app` and `smb_mirror` are optional and derived from the
    /// owner's by default (see `docs/decisions/0002-database-roles.md`).
    ///
    /// # Errors
    /// Returns an error if a URL does not parse.
    pub fn new(owner: &str, app: Option<&str>, mirror: Option<&str>) -> Result<Self, UrlsError> {
        let options = |role: Role, url: Option<&str>| match url {
            Some(url) => parse(role.name(), url),
            None => role.login_options(owner).map_err(parse_error(role.name())),
        };
        Ok(Self {
            owner: parse("migrations", owner)?,
            app: options(Role::App, app)?,
            mirror: options(Role::Mirror, mirror)?,
        })
    }

    /// Connects as the owner of the schema: for migrations and the diagram, never for requests.
    pub(crate) async fn connect_owner(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect_with(&self.owner).await
    }
}

fn parse(purpose: &'static str, url: &str) -> Result<PgConnectOptions, UrlsError> {
    url.parse().map_err(|source: sqlx::Error| parse_error(purpose)(source.into()))
}

fn parse_error(purpose: &'static str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> UrlsError {
    move |source| UrlsError::Parse { purpose, source }
}

impl AppPool {
    /// Connects to a migrated database.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached, or if the login is not a member of `smb_app`.
    pub async fn connect(urls: &Urls) -> sqlx::Result<Self> {
        Self::connect_with(urls.app.clone()).await
    }

    async fn connect_with(options: PgConnectOptions) -> sqlx::Result<Self> {
        let pool =
            pool_options(Role::App).test_before_acquire(false).before_acquire(|connection, metadata| {
                Box::pin(async move {
                    if metadata.idle_for >= UNTESTED_IDLE_TIME {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        pool.connect_with(connect_options(Role::App, options)).await.map(Self::new)
    }

    fn new(pool: PgPool) -> Self {
        Self {
            pool,
            sessions: Arc::new(Shares::new(TENANT_SESSIONS.0, TENANT_SESSIONS.1)),
            #[cfg(test)]
            session_tenant: None,
        }
    }

    /// Returns the pool with one tenant for the row-level security of all transactions, whatever tenant their statements name.
    #[cfg(test)]
    pub(crate) fn with_sessions_of(mut self, tenant: Uuid) -> Self {
        self.session_tenant = Some(tenant);
        self
    }

    /// Begins a transaction that has access to the rows of a tenant, and counts towards its share.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, or if the database cannot be reached.
    pub(crate) async fn begin(&self, tenant: Uuid) -> Result<TenantSession, BeginError> {
        let permit = self.sessions.acquire_within(&tenant, 1, ACQUIRE_TIMEOUT).await;
        let permit = permit.map_err(BeginError::Exhausted)?;
        #[cfg(test)]
        let tenant = self.session_tenant.unwrap_or(tenant);
        let tx = self.begin_with(Access::Tenant(tenant)).await.map_err(BeginError::Database)?;
        Ok(TenantSession { tx, _permit: permit })
    }

    /// Begins a transaction with this access, in one round trip.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, or if the database cannot be reached.
    pub(crate) async fn begin_with(
        &self,
        access: Access<'_>,
    ) -> sqlx::Result<Transaction<'static, Postgres>> {
        // No injection is possible: a UUID and a slug have no quote.
        let statement = match access {
            Access::Tenant(id) => format!("begin; set local app.tenant_id = '{id}'"),
            Access::Slug(Slug(slug)) => format!("begin; set local app.tenant_slug = '{slug}'"),
            Access::Platform => "begin; set local app.platform = 'on'".to_owned(),
        };
        // After a restart of the database, every idle connection may be closed.
        let mut attempts = MAX_CONNECTIONS;
        loop {
            match self.pool.begin_with(AssertSqlSafe(statement.clone())).await {
                Err(error) if attempts > 0 && is_closed(&error) => attempts -= 1,
                result => return result,
            }
        }
    }
}

/// Rows to which a transaction has access, by the policies of row-level security.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access<'a> {
    /// Rows of one tenant.
    Tenant(Uuid),
    /// Row of the tenant with a slug.
    Slug(Slug<'a>),
    /// Rows of all tenants, without what belongs to them.
    Platform,
}

/// Slug of a tenant: lower-case letters, digits, dashes and dots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slug<'a>(&'a str);

impl<'a> Slug<'a> {
    /// Checks a slug; `None` if no tenant can have it.
    pub(crate) fn new(slug: &'a str) -> Option<Self> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        (!slug.is_empty() && slug.bytes().all(is_allowed)).then_some(Self(slug))
    }
}

/// Returns whether the server, or the network, has closed the connection.
fn is_closed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // SQLSTATE 57P01 to 57P03: the server stops, has crashed, or starts.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

impl AppPool {
    /// Takes a connection for a lookup before the tenant of a request is known. No row is visible to it, except through functions.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, or if the database cannot be reached.
    pub(crate) async fn acquire_for_lookup(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        self.pool.acquire().await
    }

    /// Takes a connection for single statements, which counts towards the share of a tenant.
    ///
    /// # Errors
    /// Returns an error if no connection is available in time, or if the database cannot be reached.
    pub(crate) async fn acquire(&self, tenant: Uuid) -> Result<TenantConnection, BeginError> {
        let permit = self.sessions.acquire_within(&tenant, 1, ACQUIRE_TIMEOUT).await;
        let permit = permit.map_err(BeginError::Exhausted)?;
        let connection = self.pool.acquire().await.map_err(BeginError::Database)?;
        Ok(TenantConnection { connection, _permit: permit })
    }
}

impl TenantConnection {
    /// Returns the connection.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl TenantSession {
    /// Commits the transaction.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached or refuses the commit.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        self.tx.commit().await
    }
}

impl MirrorPool {
    /// Connects to a migrated database.
    ///
    /// # Errors
    /// Returns an error if the database cannot be reached, or if the login is not a member of `smb_mirror`.
    pub async fn connect(urls: &Urls) -> sqlx::Result<Self> {
        Self::connect_with(urls.mirror.clone()).await
    }

    async fn connect_with(options: PgConnectOptions) -> sqlx::Result<Self> {
        pool_options(Role::Mirror).connect_with(connect_options(Role::Mirror, options)).await.map(Self)
    }

    pub(crate) fn inner(&self) -> &PgPool {
        &self.0
    }
}

#[cfg(test)]
impl AppPool {
    /// Returns the connections, which have access to the rows of no tenant.
    pub(crate) fn inner(&self) -> &PgPool {
        &self.pool
    }

    pub(super) async fn for_tests(options: PgConnectOptions) -> sqlx::Result<Self> {
        Self::connect_with(options).await
    }
}

#[cfg(test)]
impl MirrorPool {
    pub(super) async fn for_tests(options: PgConnectOptions) -> sqlx::Result<Self> {
        Self::connect_with(options).await
    }
}

/// Returns the options of a pool whose connections assume the role. The login may be the role itself, a member of it, or the
/// owner.
fn pool_options(role: Role) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(MAX_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT).after_connect(
        move |connection, _| {
            Box::pin(async move { sqlx::raw_sql(role.assume()).execute(connection).await.map(drop) })
        },
    )
}

fn connect_options(role: Role, options: PgConnectOptions) -> PgConnectOptions {
    options.application_name(role.name()).options(SESSION_OPTIONS)
}
