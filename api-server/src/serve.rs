//! The process: everything it is made of, started and stopped together.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use telemetry::{Health, Registry, health, logs, shutdown, tasks::Tasks};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Issuers, Runners, Verifier},
    cli::Options,
    db::{AppPool, MirrorPool, Urls},
    http,
    mirror::{self, Mirror},
    objects::{Location, Objects},
    retention::Sweeper,
    state::AppState,
    store::CursorKey,
};

/// Requests under way get this long; those that wait for a run are answered at once.
const DRAIN: Duration = Duration::from_secs(20);

/// Serves until it is told to stop, or a part fails.
///
/// # Errors
/// The configuration is wrong, the database cannot be migrated, or a task ended.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    logs::init(&options.logs)?;
    // Others of our libraries bring another provider; without a choice TLS panics at its first use.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("a TLS provider is installed already")?;
    let stop = shutdown::on_signals()?;
    let (health, registry) = (Health::default(), Registry::default());
    health.require("database");
    health.require("mirror");
    let mut tasks = Tasks::new(stop.clone());
    tasks.spawn("health", health::serve(options.health_addr, health.clone(), registry.clone(), stop.clone()));
    options.database.migrate().await?;
    let urls = options.database.urls()?;
    let state = state(&options, &urls, &registry, &stop).await?;
    health.set("database", true);
    let mirror =
        Mirror::new(state.kube.clone(), state.mirror.clone(), mirror_options(&options), health, &registry);
    tasks.spawn("mirror", mirror.run(stop.clone()));
    let sweeper = Sweeper::new(state.mirror.clone(), state.objects.clone(), &registry);
    tasks.spawn("retention", sweeper.run(stop.clone()));
    let internal = http::internal_router(state.clone());
    tasks.spawn("internal", serve_router(options.internal_listen, internal, stop.clone()));
    tasks.spawn("http", serve_router(options.http_addr, http::router(state)?, stop));
    Ok(tasks.run(DRAIN).await?)
}

async fn state(
    options: &Options,
    urls: &Urls,
    registry: &Registry,
    stop: &CancellationToken,
) -> anyhow::Result<AppState> {
    let issuers: Issuers = options.oidc_issuers.parse().context("SMBCOPILOT_OIDC_ISSUERS cannot be used")?;
    let key = options.cursor_key.as_deref().context("no key for cursors: set SMBCOPILOT_CURSOR_KEY")?;
    let db = AppPool::connect(urls).await.context("cannot connect as smb_app")?;
    let config = kube::Config::infer().await.context("cannot find Kubernetes")?;
    let kube = k8s_client::connect(config).context("cannot reach Kubernetes")?;
    Ok(AppState {
        runners: Arc::new(Runners::new(kube.clone(), db.clone())),
        objects: objects(options)?,
        db,
        mirror: MirrorPool::connect(urls).await.context("cannot connect as smb_mirror")?,
        kube,
        verifier: Arc::new(Verifier::new(issuers)?),
        cursors: CursorKey::new(key)?,
        metrics: http::Metrics::registered(registry),
        stop: stop.clone(),
    })
}

fn objects(options: &Options) -> anyhow::Result<Option<Objects>> {
    let Some(url) = options.objects.object_store_url.as_deref().filter(|url| !url.is_empty()) else {
        tracing::warn!("no object storage is configured: runs with large outputs fail");
        return Ok(None);
    };
    let location: Location = url.parse().context("SMBCOPILOT_OBJECT_STORE_URL cannot be used")?;
    Ok(Some(Objects::open(location, options.objects.credentials())?))
}

fn mirror_options(options: &Options) -> mirror::Options {
    mirror::Options {
        identity: options.pod_name.clone(),
        lease_name: options.mirror_lease_name.clone(),
        lease_namespace: options.release_namespace.clone(),
    }
}

async fn serve_router(address: SocketAddr, router: Router, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(%address, "serving");
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?)
}
