//! The command line: what the program can do, and its configuration.

use std::{io::Write as _, net::SocketAddr};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::{
    db::{self, Urls},
    erd, graphql, http, mirror,
    objects::Credentials,
    serve,
};

/// Mirrors Kubernetes into Postgres; serves REST and GraphQL.
#[derive(Parser)]
#[command(version)]
pub struct Cli {
    /// What to do; serves when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to do it.
    #[command(flatten)]
    pub options: Options,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Migrates the database, mirrors, and serves (the default).
    Serve,
    /// Migrates the database and ends.
    Migrate,
    /// Commands for the mirror.
    Mirror {
        /// Which one.
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

/// What an operator can tell the mirror.
#[derive(Debug, Subcommand)]
pub enum MirrorCommand {
    /// Says what the cluster is that the mirror met and does not know; projecting goes on after that.
    AcceptCluster {
        /// Whether it continues the old one, or is another.
        #[arg(long = "as")]
        relation: mirror::ClusterRelation,
    },
}

/// The configuration: flags, each with an environment variable.
#[derive(Clone, Args)]
#[group(id = "api-server")]
pub struct Options {
    /// How to log.
    #[command(flatten)]
    pub logs: telemetry::logs::Options,
    /// Where to find the database, and as whom.
    #[command(flatten)]
    pub database: Database,
    /// Address of REST and GraphQL.
    #[arg(long, env = "SMBCOPILOT_HTTP_ADDR", default_value = "0.0.0.0:8080", global = true)]
    pub http_addr: SocketAddr,
    /// Address of what runners alone are answered; no Ingress leads there.
    #[arg(long, env = "SMBCOPILOT_INTERNAL_LISTEN", default_value = "0.0.0.0:8081", global = true)]
    pub internal_listen: SocketAddr,
    /// Where to keep what is large.
    #[command(flatten)]
    pub objects: ObjectStore,
    /// Address of the health endpoints and metrics.
    #[arg(long, env = "SMBCOPILOT_HEALTH_ADDR", default_value = "0.0.0.0:9090", global = true)]
    pub health_addr: SocketAddr,
    /// The trusted issuers of tokens: a JSON list of `{issuer, audience, jwksUrl?, algorithms}`.
    #[arg(long, env = "SMBCOPILOT_OIDC_ISSUERS", default_value = "[]", global = true)]
    pub oidc_issuers: String,
    /// Signs the cursors of lists; any text of 16 characters or more, the same for all replicas.
    #[arg(long, env = "SMBCOPILOT_CURSOR_KEY", hide_env_values = true, global = true)]
    pub cursor_key: Option<String>,
    /// Name of this replica, for the lease.
    #[arg(long, env = "POD_NAME", default_value = "api-server", global = true)]
    pub pod_name: String,
    /// Namespace of the lease; the pod's own where absent.
    #[arg(long, env = "SMBCOPILOT_RELEASE_NAMESPACE", global = true)]
    pub release_namespace: Option<String>,
    /// Name of the lease that elects the replica that mirrors.
    #[arg(long, env = "SMBCOPILOT_MIRROR_LEASE_NAME", default_value = "smb-copilot-mirror", global = true)]
    pub mirror_lease_name: String,
}

/// Object storage: a directory, or a bucket that speaks S3. The variables of the latter are those of the AWS tools.
#[derive(Clone, Args)]
pub struct ObjectStore {
    /// `file:///directory`, which all replicas must share, or `s3://bucket/prefix`. Absent: runs whose outputs are
    /// large fail, and say so.
    #[arg(long, env = "SMBCOPILOT_OBJECT_STORE_URL", global = true)]
    pub object_store_url: Option<String>,
    /// The server of the bucket, where it is not Amazon's.
    #[arg(long, env = "AWS_ENDPOINT_URL", global = true)]
    pub aws_endpoint_url: Option<String>,
    /// The region of the bucket.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1", global = true)]
    pub aws_region: String,
    /// The id of the key to the bucket.
    /// Without one, what the machine or the service account is given is asked for.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide_env_values = true, global = true)]
    pub aws_access_key_id: Option<String>,
    /// The key to the bucket.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, global = true)]
    pub aws_secret_access_key: Option<String>,
    /// The token that a temporary key comes with.
    #[arg(long, env = "AWS_SESSION_TOKEN", hide_env_values = true, global = true)]
    pub aws_session_token: Option<String>,
}

impl ObjectStore {
    /// How to reach the bucket, and as whom.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Credentials {
            endpoint: filled(&self.aws_endpoint_url),
            region: self.aws_region.clone(),
            key: filled(&self.aws_access_key_id).zip(filled(&self.aws_secret_access_key)),
            session_token: filled(&self.aws_session_token),
        }
    }
}

/// Database URLs. Only the owner's is needed: see `docs/decisions/0002-database-roles.md`.
#[derive(Clone, Args)]
pub struct Database {
    /// URL of the owner of the schema; used for migrations alone.
    #[arg(long, env = "SMBCOPILOT_MIGRATION_DATABASE_URL", hide_env_values = true, global = true)]
    pub migration_database_url: Option<String>,
    /// URL of a login that is (a member of) `smb_app`; derived from the owner's where absent.
    #[arg(long, env = "SMBCOPILOT_DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// URL of a login that is (a member of) `smb_mirror`; derived from the owner's where absent.
    #[arg(long, env = "SMBCOPILOT_MIRROR_DATABASE_URL", hide_env_values = true, global = true)]
    pub mirror_database_url: Option<String>,
}

impl Database {
    /// The three URLs.
    ///
    /// # Errors
    /// The owner's is missing, or one does not parse.
    pub fn urls(&self) -> anyhow::Result<Urls> {
        Ok(Urls::new(self.owner()?, self.database_url.as_deref(), self.mirror_database_url.as_deref())?)
    }

    /// Migrates the database.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let derived = self.database_url.is_none() || self.mirror_database_url.is_none();
        let logins_of = if derived { Some(self.owner()?) } else { None };
        Ok(db::migrate(&self.urls()?, logins_of).await?)
    }

    fn owner(&self) -> anyhow::Result<&str> {
        self.migration_database_url
            .as_deref()
            .context("no database is configured: set SMBCOPILOT_MIGRATION_DATABASE_URL")
    }
}

/// Does what the command line says.
///
/// # Errors
/// Whatever ended it.
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

    /// The program panics at its start, before it can log anything.
    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A secret is in the logs, because somebody printed the options.
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
