//! Becomes the program of a container step.
//!
//! The host starts itself once more for each such step: what a child has to do between its fork and its program (a
//! session of its own, no blocked signals, one open file fewer) would else take unsafe code, and the channel tells
//! why a program cannot be executed, which an exit code could not: programs have 126 and 127 of their own.

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

use crate::step::ChildEnds;

/// The first argument by which this program knows that it is to become another.
pub(crate) const SUBCOMMAND: &str = "launch";

const READ_BYTES: usize = 64 * 1024;

/// What it is told to become. Bytes that are no UTF-8 come from the image's environment alone, and are left out.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Program {
    /// The program and its arguments; at least one.
    pub(crate) command: Vec<String>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
}

/// Starts this program once more, with these ends. It says hello on the channel, and waits there for its [`Program`].
pub(crate) fn spawn(ends: ChildEnds) -> io::Result<()> {
    let ChildEnds { channel, stdout, stderr } = ends;
    // Who the child is, it says itself; all children are collected by the host's loop.
    Command::new("/proc/self/exe")
        .arg(SUBCOMMAND)
        .env_clear()
        .stdin(Stdio::from(channel))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .spawn()
        .map(drop)
}

/// Does not return, unless the program cannot be executed.
pub(crate) fn launch() -> ExitCode {
    let Ok(mut channel) = channel() else { return ExitCode::FAILURE };
    let Err(failed) = exec(&mut channel);
    let message = match failed {
        LaunchError::Gone => return ExitCode::FAILURE,
        LaunchError::System(reason) => json!({"failed": reason}),
        LaunchError::Command(reason) => json!({"noCommand": reason}),
    };
    if let Ok(frame) = encode(&message) {
        let _ = channel.write_all(&frame);
    }
    ExitCode::FAILURE
}

enum LaunchError {
    /// The host gave the step up.
    Gone,
    /// Nothing that the step's author could do about.
    System(String),
    /// The program is at fault.
    Command(String),
}

/// Standard input is the channel; the program finds nothing there, and no trace of the channel.
fn channel() -> io::Result<UnixStream> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(channel))
}

fn exec(channel: &mut UnixStream) -> Result<std::convert::Infallible, LaunchError> {
    let system = |what: &str, errno: Errno| LaunchError::System(format!("failed to {what}: {errno}"));
    setsid().map_err(|errno| system("start a session", errno))?;
    SigSet::empty().thread_set_mask().map_err(|errno| system("unblock signals", errno))?;
    let hello = encode(&json!({"hello": std::process::id()})).map_err(|_| LaunchError::Gone)?;
    channel.write_all(&hello).map_err(|_| LaunchError::Gone)?;
    let Program { command, env } = receive(channel)?;
    let Some((program, args)) = command.split_first() else {
        return Err(LaunchError::Command("the command is empty".to_owned()));
    };
    let failed = Command::new(program).args(args).env_clear().envs(env).exec();
    Err(judge(program, &failed))
}

fn receive(channel: &mut UnixStream) -> Result<Program, LaunchError> {
    let mut decoder = Decoder::default();
    let mut bytes = vec![0; READ_BYTES];
    loop {
        match decoder.decode() {
            Ok(Some(program)) => return Ok(program),
            Ok(None) => {}
            Err(error) => return Err(LaunchError::System(error.to_string())),
        }
        match channel.read(&mut bytes) {
            Ok(0) | Err(_) => return Err(LaunchError::Gone),
            Ok(read) => decoder.push(bytes.get(..read).unwrap_or_default()),
        }
    }
}

fn judge(program: &str, failed: &io::Error) -> LaunchError {
    let errno = Errno::from_raw(failed.raw_os_error().unwrap_or_default());
    let reason = match errno {
        Errno::EAGAIN | Errno::ENOMEM | Errno::ENFILE | Errno::EMFILE | Errno::ETXTBSY => {
            return LaunchError::System(format!("failed to execute {program:?}: {failed}"));
        }
        Errno::ENOENT if program.contains('/') => {
            "the image has no such file, or not what it is to be run with"
        }
        Errno::ENOENT => "the image has no such program in its PATH",
        Errno::EACCES => "it is not executable for the container's user",
        Errno::ENOEXEC => "it is no program: a script needs a first line such as #!/bin/sh",
        Errno::E2BIG => "arguments and environment are too large together",
        _ => return LaunchError::Command(format!("failed to execute {program:?}: {failed}")),
    };
    LaunchError::Command(format!("failed to execute {program:?}: {reason}"))
}

/// The environment that the image and the pod give, without what is ours.
pub(crate) fn inherited() -> BTreeMap<String, String> {
    let is_ours = |name: &OsStr| name.as_bytes().starts_with(b"SMBCOPILOT_");
    let text = |text: OsString| text.into_string().ok();
    std::env::vars_os()
        .filter(|(name, _)| !is_ours(name))
        .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
        .collect()
}
