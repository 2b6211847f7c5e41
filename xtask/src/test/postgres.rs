//! A temporary Postgres for tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::unistd::User;
use xtask_launcher::packages::postgres_programs;

use crate::instance::{Instance, Ports};
use crate::phase::Phase;
use crate::program::Program;

/// A server in a folder of its own. A server left by a run that was killed is stopped before a new one starts.
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    durability: Durability,
}

/// Whether commits wait for the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Durability {
    /// Test data need not survive a crash, so nothing waits for the disk.
    None,
    /// The server has its default settings, as in production.
    Full,
}

/// A start or stop takes less than a second.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

const SERVER_OPTIONS: &str = "-c max_connections=300 -c listen_addresses=127.0.0.1";

impl Postgres {
    /// Returns the server of an instance; starts nothing.
    pub(crate) fn new(instance: &Instance) -> anyhow::Result<Self> {
        Self::for_instance_folder(&instance.dir, instance.ports()?)
    }

    /// Returns the server of the instance with this folder.
    pub(crate) fn for_instance_folder(instance: &Path, ports: Ports) -> anyhow::Result<Self> {
        // Not in the state folder: the user that the server runs as cannot enter root's home.
        let name = instance.file_name().context("failed to name the folder of Postgres")?;
        let folder = std::env::temp_dir().join(format!("smb-postgres-{}", name.to_string_lossy()));
        Ok(Self { folder, port: ports.postgres, durability: Durability::None })
    }

    /// Returns the same server with another durability.
    pub(crate) fn with(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Starts the server with an empty database, unless it is running.
    ///
    /// # Errors
    /// Returns an error if Postgres is not installed or does not start.
    pub(crate) fn start(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.is_up() {
            phase.outcome("already running");
            return Ok(());
        }
        self.stop(phase)?;
        self.create_folder()?;
        phase.exec(
            self.program("initdb")?
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"])
                .arg(self.data()),
        )?;
        let options = format!(
            "{SERVER_OPTIONS} {} -c port={} -c unix_socket_directories={}",
            self.durability.options(),
            self.port,
            self.folder.display()
        );
        let log = self.folder.join("postgres.log");
        phase.advice(format!("read {}", log.display()));
        phase.exec(
            self.program("pg_ctl")?
                .args(["start", "-w", "-s", "-o", &options, "-l"])
                .arg(log)
                .arg("-D")
                .arg(self.data()),
        )
    }

    /// Stops the server and removes its folder. Succeeds if there is none.
    pub(crate) fn stop(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.is_up() {
            phase.exec(
                self.program("pg_ctl")?.args(["stop", "-w", "-s", "-m", "immediate", "-D"]).arg(self.data()),
            )?;
        }
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("failed to remove {}", self.folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// Returns the connection URL of the superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns the environment variables for test programs.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        vec![("DATABASE_URL".to_owned(), self.url())]
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn is_up(&self) -> bool {
        let status =
            self.program("pg_ctl").map(|program| program.args(["status", "-D"]).arg(self.data()).capture());
        matches!(status, Ok(Ok(_)))
    }

    fn create_folder(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| match owner() {
                Some(user) => {
                    std::os::unix::fs::chown(&self.folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                }
                None => Ok(()),
            })
            .with_context(|| format!("failed to create {}", self.folder.display()))
    }

    fn program(&self, name: &str) -> anyhow::Result<Program> {
        let folder =
            postgres_programs().context("failed to find the programs of Postgres; install postgresql-15")?;
        let program = Program::new(folder.join(name)).dir(Path::new("/")).limit(COMMAND_TIMEOUT);
        Ok(match owner() {
            Some(user) => program.user(user.uid.as_raw(), user.gid.as_raw()),
            None => program,
        })
    }
}

impl Durability {
    fn options(self) -> &'static str {
        match self {
            Self::None => "-c fsync=off -c synchronous_commit=off -c full_page_writes=off",
            Self::Full => "",
        }
    }
}

/// Returns the user to run Postgres as, which refuses to run as root: the one created by its package.
fn owner() -> Option<User> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten())
}
