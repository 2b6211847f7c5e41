//! Runs kubectl, the command line of users.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::environment::variable;

/// Runs kubectl as the administrator of the cluster under test and returns its output.
///
/// # Errors
/// Returns an error with the standard error of kubectl if it does not succeed, and an error if it cannot be started.
pub async fn kubectl(args: &[&str]) -> anyhow::Result<String> {
    kubectl_with_input(args, "").await
}

/// Runs kubectl like [`kubectl`], with a standard input such as the manifests of `apply --filename=-`.
///
/// # Errors
/// Returns the errors of [`kubectl`].
pub async fn kubectl_with_input(args: &[&str], input: &str) -> anyhow::Result<String> {
    let program = variable("SMBCOPILOT_TEST_KUBECTL")?;
    let mut command = Command::new(&program);
    command.args(args).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("failed to start {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that fails before it reads its input is reported with its standard error.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {}: {}: {stderr}", args.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}
