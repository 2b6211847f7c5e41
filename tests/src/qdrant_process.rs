//! The Qdrant for one machine: one process that all tests share and that ends with the test process.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use anyhow::Context as _;
use qdrant_client::Qdrant;
use tokio::sync::{Mutex, MutexGuard};

use crate::operator_process;

/// API key that the operator and the tests use.
pub const KEY: &str = "key-of-the-tests";

/// Shell script that runs the server and kills it when its standard input is closed, which happens at the latest when the test
/// process ends.
const SHELL: &str = "exec 3<&0; python3 -m local_qdrant \"$@\" </dev/null & server=$!; \
                     { cat <&3; kill -9 $server; } >/dev/null & exec 3<&-; wait $server";

static RUNNING: Mutex<Option<Child>> = Mutex::const_new(None);
static PORT: OnceLock<u16> = OnceLock::new();

/// Environment variable with the path of the server's packages, which `cargo xtask test` sets for the tests that need it.
pub const PYTHONPATH: &str = "SMBCOPILOT_TEST_QDRANT_PYTHONPATH";

/// Starts the server unless it is running, and returns its URL.
///
/// # Errors
/// Returns an error if it cannot be started.
pub async fn ensure() -> anyhow::Result<String> {
    let mut running = RUNNING.lock().await;
    if running.is_none() {
        *running = Some(start()?);
    }
    url()
}

/// Starts the server unless it is running, or a test keeps it stopped. Without Qdrant, the data of a tenant is not deleted.
///
/// # Errors
/// Returns an error if it cannot be started.
pub fn ensure_unless_stopped() -> anyhow::Result<()> {
    if let Ok(mut running) = RUNNING.try_lock()
        && running.is_none()
    {
        *running = Some(start()?);
    }
    Ok(())
}

/// Returns a client of the server.
///
/// # Errors
/// Returns an error if the server cannot be started.
pub async fn client() -> anyhow::Result<Qdrant> {
    let url = ensure().await?;
    Ok(Qdrant::from_url(&url).api_key(KEY).skip_compatibility_check().build()?)
}

/// Guard that keeps the server stopped: no test can start it until the guard is dropped or [`Stopped::start`] is called.
pub struct Stopped(MutexGuard<'static, Option<Child>>);

/// Kills the server.
///
/// # Errors
/// Returns an error if it cannot be awaited.
pub async fn kill() -> anyhow::Result<Stopped> {
    let mut running = RUNNING.lock().await;
    if let Some(mut child) = running.take() {
        drop(child.stdin.take());
        child.wait()?;
    }
    Ok(Stopped(running))
}

impl Stopped {
    /// Starts the server again, with its data.
    ///
    /// # Errors
    /// Returns an error if it cannot be started.
    pub fn start(mut self) -> anyhow::Result<()> {
        *self.0 = Some(start()?);
        Ok(())
    }
}

/// Returns the URL of the server, whether or not it is running.
///
/// # Errors
/// Returns an error if no port is free.
pub fn url() -> anyhow::Result<String> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    Ok(format!("http://127.0.0.1:{}", PORT.get_or_init(|| free)))
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn start() -> anyhow::Result<Child> {
    let path = env::var(PYTHONPATH)
        .with_context(|| format!("{PYTHONPATH} is not set: run `cargo xtask test control-plane`"))?;
    let directory = operator_process::directory()?;
    let key = directory.join("qdrant.key");
    fs::write(&key, KEY)?;
    let address = url()?.trim_start_matches("http://").to_owned();
    let mut child = Command::new("sh")
        .args(["-c", SHELL, "sh", "--listen", &address])
        .arg("--data")
        .arg(directory.join("qdrant"))
        .arg("--api-key-file")
        .arg(key)
        .env("PYTHONPATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to start Qdrant")?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("Qdrant has no output")?).read_line(&mut line)?;
    anyhow::ensure!(line.contains("listening"), "Qdrant has not started: {line:?}");
    Ok(child)
}
