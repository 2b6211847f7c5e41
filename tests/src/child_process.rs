//! Programs that a test starts and that end with it.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;

/// Shell script that runs a program. It kills the program when its standard input is closed, which happens at the latest when
/// the test process ends, and exits when the program exits.
const SHELL: &str = "exec 3<&0; \"$0\" \"$@\" </dev/null & program=$!; \
                     { cat <&3 >/dev/null; kill -9 $program; } & exec 3<&-; wait $program";

/// Starts a program below a shell that kills it when the standard input of the returned process is closed. Its output is
/// written to `log`.
///
/// # Errors
/// Returns an error if the log cannot be created, or if the shell cannot be started.
pub fn start(command: &Command, log: &Path) -> anyhow::Result<Child> {
    let log = File::create(log).with_context(|| format!("failed to create {}", log.display()))?;
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    let name = command.get_program().display();
    shell
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("failed to start {name}"))
}
