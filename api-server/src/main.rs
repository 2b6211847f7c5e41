//! The `api-server` program.

use std::process::ExitCode;

use api_server::cli::{self, Cli};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(Cli::parse()).await {
        Ok(status) => status,
        Err(error) => {
            // Commands that print a document install no subscriber, so this line is only written by the others.
            tracing::error!(error = format!("{error:#}"), "exiting");
            ExitCode::FAILURE
        }
    }
}
