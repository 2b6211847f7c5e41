//! A database with a mirror that reads from the generated Kubernetes API.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use api_server::{
    db::MirrorPool,
    mirror::{Mirror, Options},
};
use kube::{Client, Config};
use sqlx::PgPool;
use telemetry::{Health, Registry};
use tests::{cluster::unique, database::TestDatabase};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::kubernetes::Kubernetes;

/// Deadline of a list of so many runs a second, a hundredth of the goal, and of a list of none.
const MIN_RUNS_PER_SECOND: usize = 30;
const MIN_DEADLINE: Duration = Duration::from_secs(60);
/// Interval at which the end of a list is looked for: short compared with a list.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Number of kinds that are listed: plans, tenants, workflows and runs.
const KINDS: i64 = 4;

pub(crate) struct Platform {
    pub(crate) owner: PgPool,
    database: TestDatabase,
    kubernetes: SocketAddr,
    deadline: Duration,
}

pub(crate) struct RunningMirror {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Platform {
    /// Creates a database on the server in `DATABASE_URL`, for a mirror of so many runs.
    pub(crate) async fn create(kubernetes: SocketAddr, runs: usize) -> anyhow::Result<Self> {
        let database = TestDatabase::create(&unique("bench")).await?;
        let deadline = MIN_DEADLINE + Duration::from_secs(u64::try_from(runs / MIN_RUNS_PER_SECOND)?);
        Ok(Self { owner: database.owner.clone(), database, kubernetes, deadline })
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
        let registry = Registry::default();
        let compute = compute::Pool::new(compute::Limits::default(), &registry);
        // The lists of an earlier mirror do not count.
        sqlx::query("delete from mirror_sync").execute(&self.owner).await?;
        let pool = MirrorPool::connect(&self.database.urls).await?;
        let mirror = Mirror::new(client, pool, compute, options, Health::default(), &registry);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let _ = mirror.run(stopped).await;
        });
        self.poll("all kinds are listed", async || {
            let listed = "select count(*) from mirror_sync where kind <> 'LEASE'";
            Ok(sqlx::query_scalar::<_, i64>(listed).fetch_one(&self.owner).await? == KINDS)
        })
        .await?;
        Ok(RunningMirror { stop, task })
    }

    /// Waits until the mirror watches the runs.
    pub(crate) async fn wait_for_watch(&self, kubernetes: &Kubernetes) -> anyhow::Result<()> {
        self.poll("the runs are watched", async || Ok(kubernetes.is_watched())).await
    }

    async fn poll(
        &self,
        what: &str,
        mut is_met: impl AsyncFnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let met = async {
            while !is_met().await? {
                sleep(POLL_INTERVAL).await;
            }
            anyhow::Ok(())
        };
        timeout(self.deadline, met)
            .await
            .with_context(|| format!("{what}: not within {:?}", self.deadline))?
    }
}

impl RunningMirror {
    /// Stops the mirror and waits until it has ended.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        timeout(MIN_DEADLINE, self.task).await.context("the mirror did not stop")??;
        Ok(())
    }
}
