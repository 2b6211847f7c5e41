//! Processes in pods. The node's processes are this machine's.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};

/// SIGKILL for the runner of a pod: the process that has the pod's UID in its environment.
///
/// # Errors
/// There is none, or it is not ours to kill.
pub fn kill(pod_uid: &str) -> anyhow::Result<()> {
    let mark = format!("POD_UID={pod_uid}");
    let is_it = |directory: &Path| {
        let environment = fs::read(directory.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let process = fs::read_dir("/proc")?.flatten().map(|entry| entry.path()).find(|path| is_it(path));
    let process = process.with_context(|| format!("no process of pod {pod_uid} on this machine"))?;
    let pid = process.file_name().context("a process has a number")?;
    let killed = Command::new("kill").arg("-KILL").arg(pid).status()?;
    ensure!(killed.success(), "kill said {killed}");
    Ok(())
}
