//! Execution of a page in a folder and a shell of its own.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command as Process},
    time::timeout,
};

use super::{
    block::{Block, Kind},
    commands::Command,
    manifests,
    page::{Page, root},
};
use crate::{cluster::unique, environment::variable};

/// Deadline of a command: ten times the duration of a run on 2 cores beside others.
const DEADLINE: Duration = Duration::from_secs(120);

/// Reads and writes the variables that a command sets, so that later commands of the page can use them, and joins both
/// outputs as a terminal does.
const PROLOGUE: &str = "set -a -euo pipefail; exec 2>&1; test ! -e .variables || . ./.variables; trap 'export -p > .variables' EXIT\n";

/// Program `helm` of a page. The cluster has one release, which other tests use, so its changes are simulated by the API
/// server.
const HELM: &str = "#!/bin/sh\ncase $1 in install|upgrade) set -- \"$@\" --dry-run=server;; esac\nexec \"$REAL_HELM\" \"$@\"\n";

/// A folder with links to the content of the checkout, in which the commands of a page run. The environment is that of
/// `cargo xtask env`.
struct Session {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// Executes the blocks of a page one after the other, as a reader would.
///
/// # Errors
/// Returns an error that names the line if a manifest is refused, a workflow is not valid, a command fails, or its output
/// is not what the page shows.
pub async fn execute(page: &Page) -> anyhow::Result<()> {
    let session = Session::start()?;
    for block in &page.blocks {
        session.execute(block).await.with_context(|| format!("{}:{}", page.path, block.line))?;
    }
    Ok(fs::remove_dir_all(&session.folder)?)
}

impl Session {
    fn start() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(unique("docs"));
        fs::create_dir_all(folder.join(".bin"))?;
        for entry in fs::read_dir(root().canonicalize()?)? {
            let entry = entry?;
            symlink(entry.path(), folder.join(entry.file_name()))?;
        }
        let helm = folder.join(".bin/helm");
        fs::write(&helm, HELM)?;
        fs::set_permissions(&helm, fs::Permissions::from_mode(0o755))?;
        let environment = environment(&folder)?;
        Ok(Self { folder, environment })
    }

    async fn execute(&self, block: &Block) -> anyhow::Result<()> {
        match &block.kind {
            Kind::Manifests => manifests::apply(&block.text).await,
            Kind::Steps => manifests::apply_steps(&block.text).await,
            Kind::File(name) => Ok(fs::write(self.folder.join(name), &block.text)?),
            Kind::Commands(commands) => {
                for command in commands {
                    self.run(command).await.with_context(|| command.script.clone())?;
                }
                Ok(())
            }
            Kind::NotExecuted => Ok(()),
        }
    }

    /// Runs a command and compares its output and its end with what the page shows.
    async fn run(&self, command: &Command) -> anyhow::Result<()> {
        let mut shell = self.shell(&command.script)?;
        let mut output = Vec::new();
        let end = timeout(DEADLINE, read(&mut shell, command, &mut output)).await;
        let text = String::from_utf8_lossy(&output);
        let Ok(end) = end else {
            kill(&shell)?;
            bail!("the command did not end within {} s; it printed:\n{text}", DEADLINE.as_secs());
        };
        end?;
        if command.is_interrupted {
            kill(&shell)?;
        } else {
            let status = shell.wait().await?;
            ensure!(status.success() != command.fails(), "{status}; the command printed:\n{text}");
        }
        let shown = &command.output;
        ensure!(command.has_printed(&text), "the page shows {shown:#?}, but the command printed:\n{text}");
        Ok(())
    }

    fn shell(&self, script: &str) -> anyhow::Result<Child> {
        let mut process = Process::new("bash");
        process.args(["-c", &format!("{PROLOGUE}{script}")]).current_dir(&self.folder).process_group(0);
        process.envs(self.environment.iter().map(|(name, value)| (name, value)));
        process.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        process.spawn().context("failed to start bash")
    }
}

/// Returns the variables that `cargo xtask env` sets, and the path of the helm program that the test wraps.
fn environment(folder: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let kubectl = variable("SMBCOPILOT_TEST_KUBECTL")?;
    let programs = Path::new(&kubectl).parent().context("the folder of kubectl")?.display().to_string();
    let api = [("SMBCOPILOT_URL", "SMBCOPILOT_TEST_API_URL"), ("SMBCOPILOT_TOKEN", "SMBCOPILOT_TEST_TOKEN")];
    // A cluster without nodes has no API.
    let api = api.into_iter().filter_map(|(name, source)| Some((name, variable(source).ok()?)));
    Ok(api
        .chain([
            ("PATH", format!("{}:{programs}:{}", folder.join(".bin").display(), variable("PATH")?)),
            ("REAL_HELM", format!("{programs}/helm")),
        ])
        .collect())
}

/// Reads the output of a command until it ends or, if it is to be interrupted, until it has printed what the page shows.
async fn read(shell: &mut Child, command: &Command, output: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut stdout = shell.stdout.take().context("the output of the shell")?;
    while stdout.read_buf(output).await? > 0 {
        if command.is_interrupted && command.has_printed(&String::from_utf8_lossy(output)) {
            return Ok(());
        }
    }
    Ok(())
}

/// Kills the shell and everything that it has started.
fn kill(shell: &Child) -> anyhow::Result<()> {
    let Some(id) = shell.id() else { return Ok(()) };
    Ok(killpg(Pid::from_raw(i32::try_from(id)?), Signal::SIGKILL)?)
}
