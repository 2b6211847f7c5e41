//! The runner, the program in the Job of a run: executes the steps of the runs that are assigned to its pod,
//! and reports their results.

mod action;
mod api;
mod assignment;
mod cluster;
mod config;
mod logs;
mod network_probe;
mod retry;
mod run;
mod secrets;
mod serve;
mod step_host;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(network_probe::SUBCOMMAND) {
        return network_probe::run(std::env::args().skip(1)).await;
    }
    // A TLS provider must be installed once, before the first TLS connection, since the libraries have
    // different defaults.
    let installed = rustls::crypto::ring::default_provider().install_default();
    let config = config::Config::parse();
    let logging = telemetry::logs::init(&config.logs, "runner");
    let served = match (installed, logging) {
        (Ok(()), Ok(())) => serve::serve(config).await,
        (Err(_), _) => Err(anyhow::anyhow!("failed to install the TLS provider")),
        (_, Err(error)) => Err(error.into()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %telemetry::errors::chain(error.as_ref()), "the runner failed");
            ExitCode::FAILURE
        }
    }
}
