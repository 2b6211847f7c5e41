//! Runs kubectl, the command line of users.

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::environment::variable;

/// Runs kubectl as the administrator of the cluster under test and returns its output.
///
/// # Errors
/// Returns an error with the standard error of kubectl if it does not succeed, and an error if it cannot be started.
pub async fn kubectl(args: &[&str]) -> anyhow::Result<String> {
    let program = variable("SMBCOPILOT_TEST_KUBECTL")?;
    let output = Command::new(&program).args(args).kill_on_drop(true).output();
    let output = output.await.with_context(|| format!("failed to start {program}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {}: {}: {stderr}", args.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}
