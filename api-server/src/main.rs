//! The `api-server` program.

use std::process::ExitCode;

use api_server::cli::{self, Cli};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The subscriber may not be there yet, so the last word goes through it only if it is.
            tracing::error!(error = format!("{error:#}"), "ending");
            ExitCode::FAILURE
        }
    }
}
