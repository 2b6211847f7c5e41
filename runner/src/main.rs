//! What runs inside a run's Job: takes the run that is assigned to this pod, executes its steps, reports, leaves.

mod action;
mod api;
mod assignment;
mod chain;
mod config;
mod host;
mod hosts;
mod logs;
mod run;
mod secrets;
mod serve;
mod store;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    // Before the first TLS connection, and once: the libraries disagree about the default.
    let installed = rustls::crypto::ring::default_provider().install_default();
    let config = config::Config::parse();
    let logging = telemetry::logs::init(&config.logs);
    let served = match (installed, logging) {
        (Ok(()), Ok(())) => serve::serve(config).await,
        (Err(_), _) => Err(anyhow::anyhow!("failed to install the TLS provider")),
        (_, Err(error)) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain::chain(error.as_ref()), "the runner failed");
            ExitCode::FAILURE
        }
    }
}
