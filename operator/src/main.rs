//! The operator: reconciles Plans, Tenants, Workflows and WorkflowRuns.

mod api;
mod backoff;
mod client;
mod config;
mod context;
mod controller;
mod counters;
mod election;
mod errors;
mod events;
mod images;
mod metrics;
mod names;
mod network_probe;
mod plan;
mod process;
mod qdrant;
mod revisions;
mod rights;
mod run;
mod run_events;
mod run_lifecycle;
mod runner_policy;
mod secrets;
mod selection;
mod state;
mod tenant;
mod tenant_user;
mod unparsable;
mod waits;
mod watch;
mod workflow;

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = config::Config::parse();
    telemetry::logs::init(&config.logs, "operator")?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("failed to install the TLS provider: another one is installed"))?;
    let ended = process::run(config).await;
    telemetry::trace::shutdown().await;
    if let Err(error) = ended {
        tracing::error!(error = format!("{error:#}"), "the operator failed");
        return Err(error);
    }
    Ok(())
}
