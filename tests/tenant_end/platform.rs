//! The platform that ends tenants: one operator and one api-server for all tests, since each concerns all tenants of the cluster.

use std::{path::PathBuf, sync::LazyLock};

use anyhow::anyhow;
use api_server::{
    db::{AppPool, MirrorPool, Urls},
    mirror::{Mirror, Options},
    objects::{Credentials, Location, Objects},
    tenant_end::{Resources, TenantEnds},
};
use sqlx::PgPool;
use telemetry::{Health, Registry};
use tests::{
    api_router::{ACCOUNT, GROUPS},
    cluster::{client, client_as, unique},
    database::TestDatabase,
    operator_process::OperatorProcess,
    wait::until,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Mutex, MutexGuard, OnceCell},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::DEADLINE;

/// Lease of the operator under test.
const LEASE: &str = "operator-of-tenant-ends";

static PLATFORM: OnceCell<Result<Platform, String>> = OnceCell::const_new();
/// Runtime of the api-server, which outlives that of the test that has started it.
static RUNTIME: LazyLock<std::io::Result<Runtime>> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build());

/// What all tests share.
pub(super) struct Platform {
    urls: Urls,
    url: String,
    /// Object storage.
    pub(super) directory: PathBuf,
    programs: Mutex<Programs>,
}

/// The programs, which a test can kill. While it has them, no other test does; afterwards all of them run.
pub(super) struct Programs {
    operator: Option<OperatorProcess>,
    api_server: Option<ApiServer>,
}

/// The parts of the api-server that mirror and end tenants.
struct ApiServer {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Platform {
    /// Starts the platform unless it is running.
    pub(super) async fn shared() -> anyhow::Result<&'static Self> {
        let platform =
            PLATFORM.get_or_init(async || Self::start().await.map_err(|error| format!("{error:#}")));
        platform.await.as_ref().map_err(|error| anyhow!(error.clone()))
    }

    async fn start() -> anyhow::Result<Self> {
        let TestDatabase { urls, url, .. } = TestDatabase::create(&unique("tenant-ends")).await?;
        let directory = std::env::temp_dir().join(unique("smb-objects"));
        let programs = Mutex::new(Programs { operator: None, api_server: None });
        let platform = Self { urls, url, directory, programs };
        let mut programs = platform.programs().await;
        programs.start_operator().await?;
        programs.start_api_server(&platform).await?;
        drop(programs);
        Ok(platform)
    }

    /// Connects a pool that can read every row.
    pub(super) async fn connect(&self) -> anyhow::Result<PgPool> {
        Ok(PgPool::connect(&self.url).await?)
    }

    /// Waits until no other test has the programs.
    pub(super) async fn programs(&self) -> MutexGuard<'_, Programs> {
        self.programs.lock().await
    }
}

impl Programs {
    /// Starts the operator.
    pub(super) async fn start_operator(&mut self) -> anyhow::Result<()> {
        self.operator = Some(OperatorProcess::start(&client().await?, LEASE, "127.0.0.1:0").await?);
        Ok(())
    }

    /// Kills the operator with SIGKILL.
    pub(super) fn kill_operator(&mut self) {
        self.operator = None;
    }

    /// Starts the parts of the api-server that mirror and end tenants.
    pub(super) async fn start_api_server(&mut self, platform: &Platform) -> anyhow::Result<()> {
        let (urls, directory) = (platform.urls.clone(), platform.directory.clone());
        let runtime = RUNTIME.as_ref().map_err(|error| anyhow!("failed to start a runtime: {error}"))?;
        let start = move || runtime.block_on(ApiServer::start(urls, directory));
        self.api_server = Some(runtime.spawn_blocking(start).await??);
        Ok(())
    }

    /// Ends the tasks of the api-server wherever they are, as a crash does.
    pub(super) async fn kill_api_server(&mut self) {
        if let Some(mut killed) = self.api_server.take() {
            killed.tasks.shutdown().await;
            killed.stop.cancel();
        }
    }
}

impl ApiServer {
    async fn start(urls: Urls, directory: PathBuf) -> anyhow::Result<Self> {
        let objects = Objects::open(Location::Directory(directory), Credentials::default())?;
        let mirror = MirrorPool::connect(&urls).await?;
        let resources = Resources {
            client: client_as(ACCOUNT, &GROUPS).await?,
            app: AppPool::connect(&urls).await?,
            mirror: mirror.clone(),
            objects: Some(objects),
        };
        let (health, registry, stop) = (Health::default(), Registry::default(), CancellationToken::new());
        health.require("mirror");
        let options = Options {
            identity: unique("replica"),
            // With the lease of one that was killed, this one would wait until it has expired.
            lease_name: unique("mirror"),
            lease_namespace: Some("default".to_owned()),
        };
        let compute = compute::Pool::new(compute::Limits::default(), &registry);
        // The lease is in the namespace default, which the account of the api-server must not write to.
        let mirror = Mirror::new(client().await?, mirror, compute, options, health.clone(), &registry);
        let ends = TenantEnds::new(resources, mirror.signals(), &registry);
        let mut tasks = JoinSet::new();
        let (one, other) = (stop.clone(), stop.clone());
        tasks.spawn(async move { drop(mirror.run(one).await) });
        tasks.spawn(async move { drop(ends.run(other).await) });
        until("the mirror is ready", DEADLINE, async || Ok(health.missing()), Vec::is_empty).await?;
        Ok(Self { tasks, stop })
    }
}
