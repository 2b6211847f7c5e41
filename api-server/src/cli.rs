//! The command line of the api-server.

use std::{io::Write as _, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::{
    app::audit,
    auth,
    db::MirrorPool,
    erd, graphql, http,
    mirror::{self, ClusterRelation, Difference, Verified},
    options::Options,
    problem, serve, worker,
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
    /// Processes documents: reads their contents and divides them into chunks. Needs the database and the object storage, and no
    /// Kubernetes. Any number of workers share the documents.
    Worker,
    /// Migrates the database and exits.
    Migrate,
    /// Commands for the mirror.
    Mirror {
        /// Command to run.
        #[command(subcommand)]
        command: MirrorCommand,
    },
    /// Commands for the audit log.
    Audit {
        /// Command to run.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Prints the OpenAPI document.
    PrintOpenapi,
    /// Prints the GraphQL schema.
    PrintSdl,
    /// Prints the GraphQL schema as a subgraph of a federated graph.
    PrintSubgraph,
    /// Prints the reference of problem codes as Markdown.
    PrintProblemCodes,
    /// Prints the reference of permissions, roles and operations as Markdown.
    PrintPermissions,
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
    /// Compares every object in Kubernetes with its row in the database, and prints the differences. Changes nothing.
    ///
    /// Each line names the kind, the namespace and the name of an object, both resource versions, and the columns that differ with
    /// both values. An object that changes meanwhile is read again until the mirror has had time to store it.
    ///
    /// The exit status is 0 if there is no difference, 1 if there are any, and 2 if not everything could be compared.
    Verify,
}

/// Commands for the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Verifies that no row of the audit log was altered, removed, inserted or moved, and prints one line for each tenant. The exit
    /// status is 0 if all rows are intact, 1 if some are not, and 2 if the log could not be read. Compare the printed position and
    /// hash with those that you have stored elsewhere: the owner of the database could replace a whole chain.
    Verify {
        /// Slug of a tenant [default: all tenants and the platform].
        #[arg(long)]
        tenant: Option<String>,
    },
}

/// Runs the command, and returns the exit status of the process.
///
/// # Errors
/// Returns the error that ended the command.
pub async fn run(Cli { command, options }: Cli) -> anyhow::Result<ExitCode> {
    let done: anyhow::Result<()> = match command.unwrap_or(Command::Serve) {
        Command::Audit { command: AuditCommand::Verify { tenant } } => {
            return verify_audit_log(&options, tenant.as_deref()).await;
        }
        Command::PrintOpenapi => print(&http::openapi_json()?),
        Command::PrintSdl => print(&graphql::sdl()),
        Command::PrintSubgraph => print(&graphql::subgraph_sdl()),
        Command::PrintProblemCodes => print(&problem::reference::markdown()),
        Command::PrintPermissions => print(&auth::reference::markdown()),
        Command::Erd => print(&erd::svg(&options.database.urls()?).await?),
        Command::Serve => serve::serve(options).await,
        Command::Worker => worker::run(options).await,
        Command::Migrate => {
            telemetry::logs::init(&options.logs, "api-server")?;
            options.database.migrate().await
        }
        Command::Mirror { command: MirrorCommand::AcceptCluster { relation } } => {
            telemetry::logs::init(&options.logs, "api-server")?;
            Ok(mirror::accept_cluster(&options.database.urls()?, relation).await?)
        }
        Command::Mirror { command: MirrorCommand::Verify } => return verify_mirror(&options).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Exit status of a comparison that found differences.
const DIFFERENT: u8 = 1;
/// Exit status of a comparison that failed.
const FAILED: u8 = 2;

async fn verify_mirror(options: &Options) -> anyhow::Result<ExitCode> {
    telemetry::logs::init(&options.logs, "api-server")?;
    Ok(match compare_mirror(options).await {
        Ok(Verified { objects, different }) => {
            print(&format!("{objects} objects compared, {different} differ\n"))?;
            if different == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) }
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the mirror could not be compared");
            ExitCode::from(FAILED)
        }
    })
}

async fn compare_mirror(options: &Options) -> anyhow::Result<Verified> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("failed to install the TLS provider: one is installed already")?;
    let config = kube::Config::infer().await.context("failed to find the Kubernetes API")?;
    let client = k8s_client::connect(config).context("failed to connect to the Kubernetes API")?;
    let pool = MirrorPool::connect(&options.database.urls()?)
        .await
        .context("failed to connect to the database as smb_mirror")?;
    let mut printed = Ok(());
    let report = |difference: &Difference| {
        let written = print(&format!("{difference}\n"));
        if printed.is_ok() {
            printed = written;
        }
    };
    let verified = mirror::verify(&client, &pool, report).await?;
    printed.map(|()| verified)
}

async fn verify_audit_log(options: &Options, tenant: Option<&str>) -> anyhow::Result<ExitCode> {
    telemetry::logs::init(&options.logs, "api-server")?;
    Ok(match audit::verify(&options.database.urls()?, tenant, &mut std::io::stdout()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DIFFERENT),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the audit log could not be verified");
            ExitCode::from(FAILED)
        }
    })
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
            "SMBCOPILOT_SMTP_PASSWORD",
        ] {
            assert!(help.contains(&format!("[env: {secret}]")), "{secret}");
        }
    }
}
