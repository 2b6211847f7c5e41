//! A database for one test, and mirrors that write to it.

use std::{net::SocketAddr, time::Duration};

use api_server::{
    db::{MirrorPool, Urls},
    mirror::{Mirror, Options},
};
use kube::Client;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};
use telemetry::{Health, Registry};
use tests::{cluster::unique, database::TestDatabase, wait::until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Deadline of a wait: ten times what the mirror takes on a busy machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Deadline of a mirror's first lists: it reads what all tests before have left in the cluster.
const READY_DEADLINE: Duration = Duration::from_secs(120);

pub(super) struct Database {
    database: TestDatabase,
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
        let database = TestDatabase::create(&unique("mirror")).await?;
        Ok(Self {
            urls: database.urls.clone(),
            owner: database.owner.clone(),
            lease: unique("mirror"),
            database,
        })
    }

    /// Returns the same database, whose mirrors connect to this address, at which a proxy to it listens.
    pub(super) fn behind(&self, address: SocketAddr) -> anyhow::Result<Self> {
        let database = self.database.behind(address)?;
        Ok(Self {
            urls: database.urls.clone(),
            owner: self.owner.clone(),
            lease: self.lease.clone(),
            database,
        })
    }

    /// Returns the address of the server.
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.database.address()
    }

    /// Returns a pool of the role that writes the projection.
    pub(super) async fn mirror_pool(&self) -> anyhow::Result<MirrorPool> {
        Ok(MirrorPool::connect(&self.urls).await?)
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
        until("the mirror is ready", READY_DEADLINE, async || Ok(health.missing()), Vec::is_empty).await?;
        Ok(RunningMirror { stop, task })
    }

    /// Deletes all rows, as the loss of the volume does.
    pub(super) async fn truncate(&self) -> anyhow::Result<()> {
        let tables: String = sqlx::query_scalar(
            "select string_agg(format('%I', relname), ', ') from pg_class
             where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> '_sqlx_migrations'
               and relname not like 'audit%'",
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
