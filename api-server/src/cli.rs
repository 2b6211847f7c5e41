//! The command line of the api-server.

use std::io::Write as _;

use clap::{Parser, Subcommand};

use crate::{
    erd, graphql, http,
    mirror::{self, ClusterRelation},
    options::Options,
    serve,
};

/// Mirrors Kubernetes into Postgres and serves REST and GraphQL.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    /// Command to run; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Configuration.
    #[command(flatten)]
    pub options: Options,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Migrates the database, mirrors Kubernetes, and serves the APIs (the default).
    Serve,
    /// Migrates the database and exits.
    Migrate,
    /// Commands for the mirror.
    Mirror {
        /// Command to run.
        #[command(subcommand)]
        command: MirrorCommand,
    },
    /// Prints the OpenAPI document.
    PrintOpenapi,
    /// Prints the GraphQL schema.
    PrintSdl,
    /// Prints an entity-relationship diagram of the database as SVG.
    Erd,
}

/// Commands for the mirror.
#[derive(Debug, Subcommand)]
pub enum MirrorCommand {
    /// Accepts a new or restored cluster, which ends the halt of the mirror.
    AcceptCluster {
        /// Relation of the cluster to the previous one.
        #[arg(long = "as")]
        relation: ClusterRelation,
    },
}

/// Runs the command.
///
/// # Errors
/// Returns the error that ended the command.
pub async fn run(Cli { command, options }: Cli) -> anyhow::Result<()> {
    match command.unwrap_or(Command::Serve) {
        Command::PrintOpenapi => print(&http::openapi_json()?),
        Command::PrintSdl => print(&graphql::sdl()),
        Command::Erd => print(&erd::svg(&options.database.urls()?).await?),
        Command::Serve => serve::serve(options).await,
        Command::Migrate => {
            telemetry::logs::init(&options.logs)?;
            options.database.migrate().await
        }
        Command::Mirror { command: MirrorCommand::AcceptCluster { relation } } => {
            telemetry::logs::init(&options.logs)?;
            Ok(mirror::accept_cluster(&options.database.urls()?, relation).await?)
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The definition of the command line is consistent, so that the program does not panic before it can log.
    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The help text never contains secrets.
    #[test]
    fn help_does_not_show_the_values_of_secrets() {
        let help = Cli::command().render_long_help().to_string();
        for secret in [
            "SMBCOPILOT_MIGRATION_DATABASE_URL",
            "SMBCOPILOT_DATABASE_URL",
            "SMBCOPILOT_CURSOR_KEY",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(help.contains(&format!("[env: {secret}]")), "{secret}");
        }
    }
}
