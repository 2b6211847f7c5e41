//! A database of the scenario's own, and a mirror that fills it.

use std::time::Duration;

use anyhow::Context as _;
use api_server::{
    db::{self, MirrorPool, Urls},
    mirror::{Mirror, Options},
};
use kube::Client;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use telemetry::{Health, Registry};
use tests::{cluster::unique, wait::until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Ten times what the mirror takes in the worst case, a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

pub(super) struct Database {
    urls: Urls,
    /// Sees every row.
    pub(super) owner: PgPool,
    lease: String,
}

pub(super) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Database {
    /// An empty, migrated database on the server that `DATABASE_URL` names.
    pub(super) async fn create() -> anyhow::Result<Self> {
        let name = unique("mirror").replace('-', "_");
        let mut url: url::Url = server()?.parse()?;
        let mut server = PgConnection::connect(url.as_str()).await.context("no test database")?;
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut server).await?;
        url.set_path(&name);
        let urls = Urls::new(url.as_str(), Some(url.as_str()), Some(url.as_str()))?;
        db::migrate(&urls, None).await?;
        Ok(Self { urls, owner: PgPool::connect(url.as_str()).await?, lease: unique("mirror") })
    }

    /// How to reach it.
    pub(super) fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Starts a mirror, as a replica of the api-server does, and waits until it has listed everything.
    pub(super) async fn start(&self, client: &Client) -> anyhow::Result<Running> {
        self.start_with(client, &self.lease).await
    }

    /// Starts one that does not wait for those with another lease.
    pub(super) async fn start_with(&self, client: &Client, lease: &str) -> anyhow::Result<Running> {
        let pool = MirrorPool::connect(&self.urls).await?;
        let options = Options {
            identity: unique("replica"),
            lease_name: lease.to_owned(),
            lease_namespace: Some("default".to_owned()),
        };
        let health = Health::default();
        health.require("mirror");
        let mirror = Mirror::new(client.clone(), pool, options, health.clone(), &Registry::default());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let _ = mirror.run(stopped).await;
        });
        until("the mirror is ready", DEADLINE, async || Ok(health.missing()), Vec::is_empty).await?;
        Ok(Running { stop, task })
    }

    /// Forgets everything, as a lost volume does.
    pub(super) async fn empty(&self) -> anyhow::Result<()> {
        let tables: String = sqlx::query_scalar(
            "select string_agg(format('%I', relname), ', ') from pg_class
             where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> '_sqlx_migrations'",
        )
        .fetch_one(&self.owner)
        .await?;
        sqlx::raw_sql(AssertSqlSafe(format!("truncate {tables}"))).execute(&self.owner).await?;
        Ok(())
    }

    /// The rows of a tenant, every column of them, in an order of their own.
    pub(super) async fn rows(&self, slug: &str) -> anyhow::Result<Vec<Value>> {
        Ok(sqlx::query_scalar(
            "select to_json(t) from tenants t where slug = $1
             union all
             (select to_json(w) from workflows w join tenants t on t.id = w.tenant_id where slug = $1 order by w.name)
             union all
             (select to_json(r) from workflow_runs r join tenants t on t.id = r.tenant_id where slug = $1
              order by r.name)",
        )
        .bind(slug)
        .fetch_all(&self.owner)
        .await?)
    }

    /// How many numbers are missing among a tenant's events.
    pub(super) async fn gaps(&self, slug: &str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(
            "select coalesce(max(seq), 0) - count(*) from events where tenant_id = (select id from tenants where slug = $1)",
        )
        .bind(slug)
        .fetch_one(&self.owner)
        .await?)
    }

    /// Name, status and liveness of a tenant's runs.
    pub(super) async fn runs(&self, slug: &str) -> anyhow::Result<Vec<(String, String, bool)>> {
        Ok(sqlx::query_as(
            "select r.name, r.status, r.live from workflow_runs r join tenants t on t.id = r.tenant_id
             where slug = $1 order by r.name",
        )
        .bind(slug)
        .fetch_all(&self.owner)
        .await?)
    }
}

impl Running {
    /// Stops it, as a rollout does, and waits until it has.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(tokio::time::timeout(DEADLINE, self.task).await??)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn server() -> anyhow::Result<String> {
    std::env::var("DATABASE_URL").context("no test database: run `cargo xtask test control-plane`")
}
