//! Processes of runner pods. The node's processes run on the same machine as the tests.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};

/// Sends SIGKILL to the runner of a pod, the process that has the pod's UID in its environment.
///
/// # Errors
/// Returns an error if there is no such process, or if it cannot be killed.
pub fn kill(pod_uid: &str) -> anyhow::Result<()> {
    let variable_of_pod = format!("POD_UID={pod_uid}");
    let is_runner = |directory: &Path| {
        let environment = fs::read(directory.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == variable_of_pod.as_bytes())
    };
    let process = fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).find(|path| is_runner(path));
    let process = process.with_context(|| format!("no process of pod {pod_uid} on this machine"))?;
    let pid = process.file_name().context("the path has no process ID")?;
    let killed = Command::new("kill").arg("-KILL").arg(pid).status()?;
    ensure!(killed.success(), "kill failed: {killed}");
    Ok(())
}
