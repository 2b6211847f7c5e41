//! A database with a mirror that reads from the generated Kubernetes API.

use std::{net::SocketAddr, time::Duration};

use api_server::{
    db::{self, MirrorPool, Urls},
    mirror::{Mirror, Options},
};
use kube::{Client, Config};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use telemetry::{Health, Registry};
use tests::{cluster::unique, environment::variable, wait::until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::kubernetes::Kubernetes;

/// Deadline of a list; ten times the goal for 100,000 runs.
const DEADLINE: Duration = Duration::from_secs(200);

pub(crate) struct Platform {
    pub(crate) owner: PgPool,
    urls: Urls,
    kubernetes: SocketAddr,
}

pub(crate) struct RunningMirror {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Platform {
    /// Creates a database on the server in `DATABASE_URL`.
    pub(crate) async fn create(kubernetes: SocketAddr) -> anyhow::Result<Self> {
        let name = unique("bench").replace('-', "_");
        let mut url: url::Url = variable("DATABASE_URL")?.parse()?;
        let mut server = PgConnection::connect(url.as_str()).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut server).await?;
        url.set_path(&name);
        let urls = Urls::new(url.as_str(), Some(url.as_str()), Some(url.as_str()))?;
        db::migrate(&urls, None).await?;
        Ok(Self { owner: PgPool::connect(url.as_str()).await?, urls, kubernetes })
    }

    /// Starts a mirror, and waits until it has listed all kinds.
    pub(crate) async fn start_mirror(&self) -> anyhow::Result<RunningMirror> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client: Client =
            k8s_client::connect(Config::new(format!("http://{}", self.kubernetes).parse()?))?;
        let options = Options {
            identity: unique("replica"),
            lease_name: "mirror".to_owned(),
            lease_namespace: Some("default".to_owned()),
        };
        let (health, registry) = (Health::default(), Registry::default());
        health.require("mirror");
        let compute = compute::Pool::new(compute::Limits::default(), &registry);
        // The projection of an earlier mirror does not count.
        sqlx::query("delete from mirror_sync").execute(&self.owner).await?;
        let pool = MirrorPool::connect(&self.urls).await?;
        let mirror = Mirror::new(client, pool, compute, options, health.clone(), &registry);
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        let until_stopped = stop.clone();
        let task = tokio::spawn(async move {
            let _ = mirror.run(until_stopped).await;
            stopped.cancel();
        });
        until("the mirror is ready", DEADLINE, async || Ok(health.missing()), Vec::is_empty).await?;
        Ok(RunningMirror { stop, task })
    }

    /// Waits until the mirror watches the runs.
    pub(crate) async fn wait_for_watch(&self, kubernetes: &Kubernetes) -> anyhow::Result<()> {
        let watched = async || Ok(kubernetes.is_watched());
        until("the runs are watched", DEADLINE, watched, |watched| *watched).await.map(drop)
    }
}

impl RunningMirror {
    /// Stops the mirror and waits until it has ended.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}
