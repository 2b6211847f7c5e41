//! Execution of the program of a container step.
//!
//! The host starts itself again for each such step, with the subcommand `launch`. Otherwise, the actions of a
//! child between its fork and the start of its program (starting a session, unblocking signals, closing a
//! file) would require unsafe code. The channel also reports why a program cannot be executed. An exit code
//! could not, since programs use 126 and 127 themselves.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{ffi::OsStrExt as _, net::UnixStream, process::CommandExt as _},
    },
    process::{Command, ExitCode, Stdio},
};

use nix::{
    errno::Errno,
    sys::signal::SigSet,
    unistd::{dup2_stdin, setsid},
};
use protocol::frame::{Decoder, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::child_io::ChildEnds;

/// First argument of this program in the role of a launcher.
pub(crate) const SUBCOMMAND: &str = "launch";

const READ_BUFFER_BYTES: usize = 64 * 1024;

/// Program to execute. Environment variables of the image that are not UTF-8 are omitted.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Program {
    /// Program and arguments; at least one element.
    pub(crate) command: Vec<String>,
    /// Working directory.
    pub(crate) directory: String,
    /// Complete environment.
    pub(crate) env: BTreeMap<String, String>,
}

/// Starts this program as a launcher. It sends `hello` on the channel and waits there for its [`Program`].
///
/// # Errors
/// Returns an error if no process can be started.
pub(crate) fn spawn(ends: ChildEnds) -> io::Result<()> {
    let ChildEnds { channel, stdout, stderr } = ends;
    // The child reports its process ID itself, and the host's main loop reaps all children.
    Command::new("/proc/self/exe")
        .arg(SUBCOMMAND)
        .env_clear()
        .stdin(Stdio::from(channel))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .spawn()
        .map(drop)
}

/// Runs the launcher: replaces this process by the program. Returns only if the program cannot be executed.
pub(crate) fn launch() -> ExitCode {
    let Ok(mut channel) = take_channel() else { return ExitCode::FAILURE };
    let Err(failed) = exec(&mut channel);
    let message = match failed {
        LaunchError::Abandoned => return ExitCode::FAILURE,
        LaunchError::System(reason) => json!({"failed": reason}),
        LaunchError::Command(reason) => json!({"noCommand": reason}),
    };
    if let Ok(frame) = encode(&message) {
        let _ = channel.write_all(&frame);
    }
    ExitCode::FAILURE
}

/// Reason for which a program is not executed.
enum LaunchError {
    /// The host has abandoned the step.
    Abandoned,
    /// A failure of the system.
    System(String),
    /// A failure that the author of the step can fix.
    Command(String),
}

/// Returns the channel, which is standard input, and replaces standard input by `/dev/null` for the program.
fn take_channel() -> io::Result<UnixStream> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(channel))
}

/// Receives the program and executes it. Returns only on failure.
fn exec(channel: &mut UnixStream) -> Result<std::convert::Infallible, LaunchError> {
    let system = |what: &str, errno: Errno| LaunchError::System(format!("failed to {what}: {errno}"));
    setsid().map_err(|errno| system("start a session", errno))?;
    SigSet::empty().thread_set_mask().map_err(|errno| system("unblock signals", errno))?;
    let hello = encode(&json!({"hello": std::process::id()})).map_err(|_| LaunchError::Abandoned)?;
    channel.write_all(&hello).map_err(|_| LaunchError::Abandoned)?;
    let Program { command, directory, env } = receive(channel)?;
    let Some((program, args)) = command.split_first() else {
        return Err(LaunchError::Command("the command is empty".to_owned()));
    };
    std::env::set_current_dir(&directory).map_err(|error| {
        LaunchError::Command(format!(
            "failed to change to the working directory {directory:?} of the image: {error}"
        ))
    })?;
    let failed = Command::new(program).args(args).env_clear().envs(env).exec();
    Err(classify(program, &failed))
}

/// Waits for the program on the channel.
fn receive(channel: &mut UnixStream) -> Result<Program, LaunchError> {
    let mut decoder = Decoder::default();
    let mut bytes = vec![0; READ_BUFFER_BYTES];
    loop {
        match decoder.decode() {
            Ok(Some(program)) => return Ok(program),
            Ok(None) => {}
            Err(error) => return Err(LaunchError::System(error.to_string())),
        }
        match channel.read(&mut bytes) {
            Ok(0) | Err(_) => return Err(LaunchError::Abandoned),
            Ok(read) => decoder.push(bytes.get(..read).unwrap_or_default()),
        }
    }
}

/// Distinguishes failures of the system from those that the author of the step can fix.
fn classify(program: &str, failed: &io::Error) -> LaunchError {
    let errno = Errno::from_raw(failed.raw_os_error().unwrap_or_default());
    let reason = match errno {
        Errno::EAGAIN | Errno::ENOMEM | Errno::ENFILE | Errno::EMFILE | Errno::ETXTBSY => {
            return LaunchError::System(format!("failed to execute {program:?}: {failed}"));
        }
        Errno::ENOENT if program.contains('/') => "the image lacks the file, its interpreter or its loader",
        Errno::ENOENT => "the image has no such program in its PATH",
        Errno::EACCES => "the container's user is not permitted to execute it",
        Errno::ENOEXEC => "the file is not a program; a script needs a first line such as #!/bin/sh",
        Errno::E2BIG => "the arguments and the environment are too large",
        _ => return LaunchError::Command(format!("failed to execute {program:?}: {failed}")),
    };
    LaunchError::Command(format!("failed to execute {program:?}: {reason}"))
}

/// Returns the environment of the image and the pod, without the variables of SMB Copilot.
pub(crate) fn inherited_environment() -> BTreeMap<String, String> {
    let is_internal = |name: &OsStr| name.as_bytes().starts_with(b"SMBCOPILOT_");
    let text = |text: OsString| text.into_string().ok();
    std::env::vars_os()
        .filter(|(name, _)| !is_internal(name))
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect()
}
