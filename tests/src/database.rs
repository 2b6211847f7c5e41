//! A database for one test, on the server that `cargo xtask test` starts.

use std::net::SocketAddr;

use anyhow::Context as _;
use api_server::db::{self, Urls};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use tokio::sync::OnceCell;

use crate::cluster::unique;

/// Name of the migrated database that the others are copied from. A copy takes a tenth of the time of the migrations.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A migrated database.
pub struct TestDatabase {
    /// Connection options, as the api-server gets them.
    pub urls: Urls,
    /// URL of the owner.
    pub url: String,
    /// Pool that can read every row.
    pub owner: PgPool,
}

impl TestDatabase {
    /// Creates an empty, migrated database with this name, which no other test uses, on the server in `DATABASE_URL`.
    ///
    /// # Errors
    /// Returns an error if the tests were not started by `cargo xtask test`, or if the server refuses the database.
    pub async fn create(name: &str) -> anyhow::Result<Self> {
        let name = name.replace('-', "_");
        let template = TEMPLATE.get_or_try_init(create_template).await?;
        execute(&format!("create database {name} template {template}")).await?;
        let urls = urls(&name)?;
        let url = url(&name)?;
        let owner = PgPool::connect(&url).await?;
        Ok(Self { urls, url, owner })
    }

    /// Returns the address of the server.
    ///
    /// # Errors
    /// Returns an error if the name of its host cannot be resolved.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        let addresses = url::Url::parse(&self.url)?.socket_addrs(|| Some(5432))?;
        addresses.into_iter().next().context("the database has no address")
    }

    /// Returns the same database for connections to this address, at which a proxy to it listens.
    ///
    /// # Errors
    /// Returns an error if the URL of the database has no host.
    pub fn behind(&self, address: SocketAddr) -> anyhow::Result<Self> {
        let mut url: url::Url = self.url.parse()?;
        url.set_host(Some(&address.ip().to_string()))?;
        anyhow::ensure!(url.set_port(Some(address.port())).is_ok(), "the URL of the database has no host");
        let urls = Urls::new(url.as_str(), Some(url.as_str()), Some(url.as_str()))?;
        Ok(Self { urls, url: url.into(), owner: self.owner.clone() })
    }
}

async fn create_template() -> anyhow::Result<String> {
    let name = unique("template").replace('-', "_");
    execute(&format!("create database {name}")).await?;
    db::migrate(&urls(&name)?, None).await?;
    Ok(name)
}

async fn execute(statement: &str) -> anyhow::Result<()> {
    let server = PgConnection::connect(&server_url()?).await;
    let mut server = server.context("failed to connect to the server of the test databases")?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut server).await?;
    Ok(server.close().await?)
}

/// Returns the URL of the owner of a database.
fn url(database: &str) -> anyhow::Result<String> {
    let mut url: url::Url = server_url()?.parse()?;
    url.set_path(database);
    Ok(url.into())
}

fn urls(database: &str) -> anyhow::Result<Urls> {
    let url = url(database)?;
    Ok(Urls::new(&url, Some(&url), Some(&url))?)
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn server_url() -> anyhow::Result<String> {
    std::env::var("DATABASE_URL").context("no test database: run `cargo xtask test control-plane`")
}
