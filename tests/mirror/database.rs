//! A database for one test, and mirrors that write to it.

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

/// Deadline of a wait: ten times what the mirror takes on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

pub(super) struct Database {
    urls: Urls,
    /// Pool that can read every row.
    pub(super) owner: PgPool,
    lease: String,
}

pub(super) struct RunningMirror {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Database {
    /// Creates an empty, migrated database on the server in `DATABASE_URL`.
    pub(super) async fn create() -> anyhow::Result<Self> {
        let name = unique("mirror").replace('-', "_");
        let mut url: url::Url = server_url()?.parse()?;
        let mut server =
            PgConnection::connect(url.as_str()).await.context("failed to connect to the test database")?;
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut server).await?;
        url.set_path(&name);
        let urls = Urls::new(url.as_str(), Some(url.as_str()), Some(url.as_str()))?;
        db::migrate(&urls, None).await?;
        Ok(Self { urls, owner: PgPool::connect(url.as_str()).await?, lease: unique("mirror") })
    }

    /// Returns the connection options of the database.
    pub(super) fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Starts a mirror, as a replica of the api-server does, and waits until it has listed all kinds.
    pub(super) async fn start(&self, client: &Client) -> anyhow::Result<RunningMirror> {
        self.start_with_lease(client, &self.lease).await
    }

    /// Starts a mirror with this lease: it does not wait for mirrors with other leases.
    pub(super) async fn start_with_lease(
        &self,
        client: &Client,
        lease: &str,
    ) -> anyhow::Result<RunningMirror> {
        let pool = MirrorPool::connect(&self.urls).await?;
        let options = Options {
            identity: unique("replica"),
            lease_name: lease.to_owned(),
            lease_namespace: Some("default".to_owned()),
        };
        let health = Health::default();
        health.require("mirror");
        let registry = Registry::default();
        let compute = compute::Pool::new(compute::Limits::default(), &registry);
        let mirror = Mirror::new(client.clone(), pool, compute, options, health.clone(), &registry);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let _ = mirror.run(stopped).await;
        });
        until("the mirror is ready", DEADLINE, async || Ok(health.missing()), Vec::is_empty).await?;
        Ok(RunningMirror { stop, task })
    }

    /// Deletes all rows, as the loss of the volume does.
    pub(super) async fn truncate(&self) -> anyhow::Result<()> {
        let tables: String = sqlx::query_scalar(
            "select string_agg(format('%I', relname), ', ') from pg_class
             where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> '_sqlx_migrations'",
        )
        .fetch_one(&self.owner)
        .await?;
        sqlx::raw_sql(AssertSqlSafe(format!("truncate {tables}"))).execute(&self.owner).await?;
        Ok(())
    }

    /// Returns the rows of a tenant with all columns, in a fixed order.
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

    /// Returns how many sequence numbers are missing among a tenant's events.
    pub(super) async fn missing_events(&self, slug: &str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(
            "select coalesce(max(seq), 0) - count(*) from events where tenant_id = (select id from tenants where slug = $1)",
        )
        .bind(slug)
        .fetch_one(&self.owner)
        .await?)
    }

    /// Returns the name, status and liveness of a tenant's runs.
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

impl RunningMirror {
    /// Stops the mirror, as a rollout does, and waits until it has ended.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(tokio::time::timeout(DEADLINE, self.task).await??)
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn server_url() -> anyhow::Result<String> {
    std::env::var("DATABASE_URL").context("no test database: run `cargo xtask test control-plane`")
}
