//! Programs that a test starts and that end with it.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};

/// Shell script that runs a program. It kills the program when its standard input is closed, which happens at the latest when
/// the test process ends, and exits when the program exits.
const SHELL: &str = "exec 3<&0; \"$0\" \"$@\" </dev/null & program=$!; \
                     { cat <&3 >/dev/null; kill -9 $program; } & exec 3<&-; wait $program";

/// Unit of processor times in `/proc`, which Linux defines as 100 on all common architectures.
const TICKS_PER_SECOND: u64 = 100;

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

/// Returns the path of a program of the workspace, which is built beside the tests.
///
/// # Errors
/// Returns an error if it is not built.
pub fn built_program(name: &str) -> anyhow::Result<PathBuf> {
    let tests = env::current_exe()?;
    let built =
        tests.parent().and_then(Path::parent).context("the test program is not in a target directory")?;
    let program = built.join(name);
    ensure!(program.exists(), "{} does not exist: run `cargo build --package {name}`", program.display());
    Ok(program)
}

/// Returns an amount of memory from the status of the program `name`, which a shell of [`start`] runs, in bytes. `VmRSS` is what it has
/// now, `VmHWM` the highest amount since its start.
///
/// # Errors
/// Returns an error if the program has not started or has ended.
pub fn status_bytes(shell: &Child, name: &str, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process_id(shell, name)?))?;
    let amount = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kibibytes = amount.and_then(|amount| amount.trim().strip_suffix(" kB"));
    let kibibytes = kibibytes.with_context(|| format!("no {field} in the status of {name}"))?;
    Ok(kibibytes.trim().parse::<u64>()? * 1024)
}

/// Returns the processor time that the program `name`, which a shell of [`start`] runs, has used.
///
/// # Errors
/// Returns an error if the program has not started or has ended.
pub fn processor_time(shell: &Child, name: &str) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process_id(shell, name)?))?;
    // The name of the program, in parentheses, may contain spaces. The 14th and 15th fields are the ticks in user and system mode.
    let (_, fields) = stat.rsplit_once(')').context("the status of the process has no name")?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).map_while(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn process_id(shell: &Child, name: &str) -> anyhow::Result<String> {
    let shell = shell.id();
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"))?;
    for child in children.split_whitespace() {
        if fs::read_to_string(format!("/proc/{child}/comm"))?.trim() == name {
            return Ok(child.to_owned());
        }
    }
    anyhow::bail!("the shell {shell} does not run {name}")
}
