//! The command line that users have.

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::environment::variable;

/// What kubectl prints, as the administrator of the cluster under test.
///
/// # Errors
/// It ends otherwise than in success: the error has what it said. Or the tests have no cluster.
pub async fn kubectl(args: &[&str]) -> anyhow::Result<String> {
    let program = variable("SMBCOPILOT_TEST_KUBECTL")?;
    let end = Command::new(&program).args(args).kill_on_drop(true).output();
    let end = end.await.with_context(|| format!("failed to start {program}"))?;
    let said = String::from_utf8_lossy(&end.stderr);
    ensure!(end.status.success(), "kubectl {}: {}: {said}", args.join(" "), end.status);
    Ok(String::from_utf8(end.stdout)?)
}
