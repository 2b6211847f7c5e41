//! The pools: one for requests, one for the mirror. They differ in their role, so in their type.

use std::time::Duration;

use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::roles::Role;

/// A request that gets no connection in this time is better told that the database is busy.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Connections of one process; a small Postgres has 100 for all of them.
const CONNECTIONS: u32 = 16;
/// No statement of ours is slow; one that is holds others up. Transactions are never left open by a live process.
const SESSION: [(&str, &str); 2] =
    [("statement_timeout", "10s"), ("idle_in_transaction_session_timeout", "30s")];

/// Connections of `smb_app`: they see the rows of the tenant that a transaction names, and no other.
#[derive(Clone, Debug)]
pub struct AppPool(PgPool);

/// Connections of `smb_mirror`: they write the projection of Kubernetes, of all tenants.
#[derive(Clone, Debug)]
pub struct MirrorPool(PgPool);

/// How to reach the database in each of the three roles.
#[derive(Clone)]
pub struct Urls {
    owner: PgConnectOptions,
    app: PgConnectOptions,
    mirror: PgConnectOptions,
}

/// Why a database URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UrlsError {
    /// It does not parse. (The URL itself is a secret and is not repeated.)
    #[error("failed to parse the database URL for {purpose}")]
    Parse {
        /// What the URL is for.
        purpose: &'static str,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Urls {
    /// The owner's URL is needed; for the other two roles URLs may be given, and are derived from the owner's
    /// where they are not (see `docs/decisions/0002-database-roles.md`).
    ///
    /// # Errors
    /// A URL does not parse.
    pub fn new(owner: &str, app: Option<&str>, mirror: Option<&str>) -> Result<Self, UrlsError> {
        let of = |role: Role, given: Option<&str>| match given {
            Some(url) => parse(role.name(), url),
            None => role.derived_from(owner).map_err(parse_error(role.name())),
        };
        Ok(Self {
            owner: parse("migrations", owner)?,
            app: of(Role::App, app)?,
            mirror: of(Role::Mirror, mirror)?,
        })
    }

    /// The owner's: for migrations and the diagram, never for requests.
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
    /// Connects; the schema must have been migrated.
    ///
    /// # Errors
    /// The database cannot be reached, or the login is no member of `smb_app`.
    pub async fn connect(urls: &Urls) -> sqlx::Result<Self> {
        pool(Role::App, urls.app.clone()).await.map(Self)
    }

    pub(crate) fn inner(&self) -> &PgPool {
        &self.0
    }
}

impl MirrorPool {
    /// Connects; the schema must have been migrated.
    ///
    /// # Errors
    /// The database cannot be reached, or the login is no member of `smb_mirror`.
    pub async fn connect(urls: &Urls) -> sqlx::Result<Self> {
        pool(Role::Mirror, urls.mirror.clone()).await.map(Self)
    }

    pub(crate) fn inner(&self) -> &PgPool {
        &self.0
    }
}

#[cfg(test)]
impl AppPool {
    pub(super) async fn of_test(options: PgConnectOptions) -> sqlx::Result<Self> {
        pool(Role::App, options).await.map(Self)
    }
}

#[cfg(test)]
impl MirrorPool {
    pub(super) async fn of_test(options: PgConnectOptions) -> sqlx::Result<Self> {
        pool(Role::Mirror, options).await.map(Self)
    }
}

/// A login that is already the role, or a member of it, or the owner: whichever it is, it works as the role.
async fn pool(role: Role, options: PgConnectOptions) -> sqlx::Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| {
            Box::pin(async move { sqlx::raw_sql(role.assume()).execute(connection).await.map(drop) })
        })
        .connect_with(options.application_name(role.name()).options(SESSION))
        .await
}
