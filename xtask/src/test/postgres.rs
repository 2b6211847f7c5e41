//! A temporary Postgres for tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::unistd::User;
use xtask_launcher::packages::postgres_programs;

use crate::instance::{Instance, Ports};
use crate::phase::Phase;
use crate::program::Program;

/// One server in a folder of its own. What an earlier, killed run has left is ended first.
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
}

/// A start or stop takes under a second.
const LIMIT: Duration = Duration::from_secs(60);

/// Test data is worth nothing, so nothing waits for the disk.
const SETTINGS: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
     -c listen_addresses=127.0.0.1";

impl Postgres {
    /// Starts nothing yet.
    pub(crate) fn new(instance: &Instance) -> anyhow::Result<Self> {
        Self::of(&instance.dir, instance.ports()?)
    }

    /// That of the instance with this folder.
    pub(crate) fn of(instance: &Path, ports: Ports) -> anyhow::Result<Self> {
        // Not below the state folder: root's home is closed to the user that the server runs as.
        let name = instance.file_name().context("failed to name the folder of Postgres")?;
        let folder = std::env::temp_dir().join(format!("smb-postgres-{}", name.to_string_lossy()));
        Ok(Self { folder, port: ports.postgres })
    }

    /// Starts a server with an empty database, unless this one did already.
    pub(crate) fn start(&self, phase: &mut Phase<'_>) -> anyhow::Result<()> {
        if self.is_up() {
            phase.outcome("up already");
            return Ok(());
        }
        self.stop(phase)?;
        self.make_folder()?;
        phase.exec(
            self.program("initdb")?
                .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"])
                .arg(self.data()),
        )?;
        let options =
            format!("{SETTINGS} -c port={} -c unix_socket_directories={}", self.port, self.folder.display());
        let log = self.folder.join("postgres.log");
        phase.advice(format!("look into {}", log.display()));
        phase.exec(
            self.program("pg_ctl")?
                .args(["start", "-w", "-s", "-o", &options, "-l"])
                .arg(log)
                .arg("-D")
                .arg(self.data()),
        )
    }

    /// Ends it and removes its folder. Nothing there is success.
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

    /// The URL of its superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// What test programs get.
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

    fn make_folder(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| match owner() {
                Some(user) => {
                    std::os::unix::fs::chown(&self.folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                }
                None => Ok(()),
            })
            .with_context(|| format!("failed to make {}", self.folder.display()))
    }

    fn program(&self, name: &str) -> anyhow::Result<Program> {
        let folder =
            postgres_programs().context("failed to find the programs of Postgres; install postgresql-15")?;
        let program = Program::new(folder.join(name)).dir(Path::new("/")).limit(LIMIT);
        Ok(match owner() {
            Some(user) => program.user(user.uid.as_raw(), user.gid.as_raw()),
            None => program,
        })
    }
}

/// Postgres refuses to run as root: then it runs as the user that its package has made.
fn owner() -> Option<User> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten())
}
