//! The api-server process: its parts, which start and stop together.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use telemetry::{Health, Registry, health, logs, shutdown, tasks::Tasks};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    app::{App, audit, searches::Searcher},
    auth::{Issuers, LoginClient, LoginIssuers, Runners, TokenClaims, Verifier},
    db::{AppPool, MirrorPool, Urls},
    graphql::TrustedDocuments,
    http::{self, ConnectionLimits, HttpState, TrustedProxies},
    limits::Limits,
    mirror::{self, Mirror},
    objects::Objects,
    options::Options,
    retention::Sweeper,
    store::CursorKey,
    tenant_end::{Resources, TenantEnds},
};

/// Time that requests in progress have to finish during a shutdown. Those that wait for a run are answered at once.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs the api-server until it receives a signal or a part of it fails.
///
/// # Errors
/// Returns an error if the configuration is not valid, if the database cannot be migrated, or if a task ended early.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    logs::init(&options.logs, "api-server")?;
    // Several crates can provide TLS: without an installed provider, the first TLS connection panics.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("failed to install the TLS provider: one is installed already")?;
    let shutdown = shutdown::on_signals()?;
    let (health, registry) = (Health::default(), Registry::default());
    health.require("database");
    health.require("mirror");
    let mut tasks = Tasks::new(shutdown.clone());
    let served = health::serve(options.health_addr, health.clone(), registry.clone(), shutdown.clone());
    tasks.spawn_until_end("health", served);
    // While the database cannot be reached, a signal ends the process at once.
    let Some(migrated) = shutdown.run_until_cancelled(options.database.migrate()).await else {
        return Ok(());
    };
    migrated?;
    let urls = options.database.urls()?;
    let state = state(&options, &urls, &registry, &shutdown).await?;
    health.set("database", true);
    let App { kube, db, mirror, objects, compute, .. } = state.app.clone();
    let resources =
        Resources { client: kube.clone(), app: db, mirror: mirror.clone(), objects: objects.clone() };
    let mirror_task = Mirror::new(kube, mirror.clone(), compute, mirror_options(&options), health, &registry);
    let tenant_ends = TenantEnds::new(resources, mirror_task.signals(), &registry);
    tasks.spawn("mirror", mirror_task.run(shutdown.clone()));
    tasks.spawn("audit", audit::reconcile(mirror.clone(), shutdown.clone()));
    tasks.spawn("tenant ends", tenant_ends.run(shutdown.clone()));
    tasks.spawn("retention", Sweeper::new(mirror, objects, &registry).run(shutdown.clone()));
    let proxies: TrustedProxies =
        options.trusted_proxies.parse().context("failed to read SMBCOPILOT_TRUSTED_PROXIES")?;
    tasks.spawn("token-keys", state.verifier.clone().finish_fetches(shutdown.clone()));
    let internal = http::internal_router(state.clone());
    let drain_delay = Duration::from_secs(options.drain_delay_seconds.into());
    let internal_limits = ConnectionLimits::for_runners().with_drain_delay(drain_delay);
    tasks.spawn(
        "internal",
        serve_router(options.internal_listen, internal, internal_limits, shutdown.clone()),
    );
    let limits =
        ConnectionLimits::new(proxies, Duration::from_secs(options.idle_timeout_seconds.get().into()))
            .with_drain_delay(drain_delay);
    let (writes, router) = (state.app.writes.clone(), http::router(state)?);
    tasks.spawn("http", async move {
        let served = serve_router(options.http_addr, router, limits, shutdown).await;
        // Writes whose clients have closed the connection.
        writes.close();
        writes.wait().await;
        served
    });
    let ended = tasks.run(drain_delay + SHUTDOWN_TIMEOUT).await;
    telemetry::trace::shutdown().await;
    Ok(ended?)
}

async fn state(
    options: &Options,
    urls: &Urls,
    registry: &Registry,
    shutdown: &CancellationToken,
) -> anyhow::Result<HttpState> {
    let issuers: Issuers = options.oidc_issuers.parse().context("failed to read SMBCOPILOT_OIDC_ISSUERS")?;
    if options.token_claims != TokenClaims::Never {
        tracing::warn!(
            "the claims smb_tenant and smb_roles of tokens give access to tenants without a user in the database ({}): set \
             SMBCOPILOT_TOKEN_CLAIMS to never once each tenant has an owner",
            if options.token_claims == TokenClaims::Always {
                "always"
            } else {
                "until the tenant has an active user"
            }
        );
    }
    let key = options.cursor_key.as_deref().context("no cursor key: set SMBCOPILOT_CURSOR_KEY")?;
    let db = AppPool::connect(urls).await.context("failed to connect to the database as smb_app")?;
    let config = kube::Config::infer().await.context("failed to find the Kubernetes API")?;
    let kube = k8s_client::connect(config).context("failed to connect to the Kubernetes API")?;
    let mirror =
        MirrorPool::connect(urls).await.context("failed to connect to the database as smb_mirror")?;
    Ok(HttpState {
        runners: Arc::new(Runners::new(kube.clone(), db.clone())),
        login: login(&issuers, options.public_url.clone())?,
        verifier: Arc::new(Verifier::new(issuers)?.with_token_claims(options.token_claims)),
        metrics: http::Metrics::registered(registry),
        trusted_documents: trusted_documents(options)?,
        app: App {
            db,
            mirror,
            kube,
            objects: objects(options)?,
            searcher: searcher(options, registry)?,
            mailer: options.mail.mailer()?.map(Arc::new),
            cursors: CursorKey::new(key)?,
            compute: compute::Pool::new(compute::Limits::default(), registry),
            limits: Arc::new(Limits::default()),
            shutdown: shutdown.clone(),
            writes: TaskTracker::new(),
        },
    })
}

/// Returns the client for logins; `None` if no issuer has one.
fn login(issuers: &Issuers, public_url: Option<Url>) -> anyhow::Result<Option<Arc<LoginClient>>> {
    let issuers = LoginIssuers::new(issuers.as_slice())?;
    if issuers.is_empty() {
        return Ok(None);
    }
    let url = public_url.context("an issuer has a clientId: set SMBCOPILOT_PUBLIC_URL")?;
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    // Browsers store the cookie of a session over TLS only, or from their own machine.
    anyhow::ensure!(url.scheme() == "https" || is_local, "SMBCOPILOT_PUBLIC_URL must begin with https://");
    Ok(Some(Arc::new(LoginClient::new(issuers, url))))
}

fn trusted_documents(options: &Options) -> anyhow::Result<Option<Arc<TrustedDocuments>>> {
    let path = options.trusted_documents.as_deref().filter(|path| !path.as_os_str().is_empty());
    let Some(path) = path else { return Ok(None) };
    let documents = TrustedDocuments::load(path)?;
    tracing::info!(documents = documents.number(), "only trusted GraphQL documents are executed");
    Ok(Some(Arc::new(documents)))
}

fn objects(options: &Options) -> anyhow::Result<Option<Objects>> {
    let objects = options.objects.open()?;
    if objects.is_none() {
        tracing::warn!(
            "no object storage is configured: runs with large outputs fail, and there are no documents"
        );
    }
    Ok(objects)
}

fn searcher(options: &Options, registry: &Registry) -> anyhow::Result<Option<Searcher>> {
    let Some(vectors) = options.vectors.open()? else {
        tracing::warn!("no Qdrant is configured: documents cannot be searched");
        return Ok(None);
    };
    if !vectors.has_embedder() {
        tracing::warn!("no embedding model is configured: documents are searched by their words only");
    }
    Ok(Some(Searcher::new(vectors, registry)))
}

fn mirror_options(options: &Options) -> mirror::Options {
    mirror::Options {
        identity: options.pod_name.clone(),
        lease_name: options.mirror_lease_name.clone(),
        lease_namespace: options.release_namespace.clone(),
    }
}

async fn serve_router(
    address: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(%address, "listening");
    Ok(http::serve(listener, router, limits, shutdown).await?)
}
