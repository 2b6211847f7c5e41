//! The worker process: it processes documents until it receives a signal.

use anyhow::Context as _;
use rustix::process::DumpableBehavior;
use telemetry::{Health, Registry, health, logs, shutdown, tasks::Tasks};

use crate::{
    db::{AppPool, MirrorPool},
    ingestion::{Parser, ParserLimits, Worker},
    options::Options,
    serve::SHUTDOWN_TIMEOUT,
};

/// Processes documents until the process receives a signal or a part of it fails.
///
/// # Errors
/// Returns an error if the configuration is not valid, if the database cannot be migrated, or if a task ended early.
pub async fn run(options: Options) -> anyhow::Result<()> {
    logs::init(&options.logs, "api-server-worker")?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("failed to install the TLS provider: one is installed already")?;
    // The parsers have the same user: none of them can read the memory of this process, or its environment with its credentials.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("failed to hide the memory of this process from other processes")?;
    let shutdown = shutdown::on_signals()?;
    let (health, registry) = (Health::default(), Registry::default());
    health.require("database");
    let mut tasks = Tasks::new(shutdown.clone());
    let served = health::serve(options.health_addr, health.clone(), registry.clone(), shutdown.clone());
    tasks.spawn_until_end("health", served);
    let parser = Parser::new(options.worker.document_parser()?, ParserLimits::default());
    let objects = options.objects.open()?;
    let objects = objects.context("no object storage is configured: set SMBCOPILOT_OBJECT_STORE_URL")?;
    let vectors = options.vectors.open()?;
    if vectors.is_none() {
        tracing::warn!(
            "no Qdrant is configured: documents are ready without vectors, and cannot be searched"
        );
    }
    let Some(migrated) = shutdown.run_until_cancelled(options.database.migrate()).await else {
        return Ok(());
    };
    migrated?;
    let urls = options.database.urls()?;
    let app = AppPool::connect(&urls).await.context("failed to connect to the database as smb_app")?;
    let mirror =
        MirrorPool::connect(&urls).await.context("failed to connect to the database as smb_mirror")?;
    health.set("database", true);
    let worker = Worker::new(app, mirror, objects, parser, &registry).with_vectors(vectors);
    tracing::info!(concurrency = options.worker.worker_concurrency, "waiting for documents");
    tasks.spawn("documents", worker.run(options.worker.worker_concurrency, shutdown));
    let ended = tasks.run(SHUTDOWN_TIMEOUT).await;
    telemetry::trace::shutdown().await;
    Ok(ended?)
}
