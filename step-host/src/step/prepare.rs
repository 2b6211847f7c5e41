//! What a step finds when it begins: a directory of its own, its environment, its ends of pipes and channel.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::{
        fd::OwnedFd,
        unix::{fs::DirBuilderExt as _, net::UnixStream},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};
use protocol::host::{Action, Start};
use serde::Serialize;

use crate::{
    framed::Framed,
    launch::{self, Program},
    step::{files, lines::Lines},
};

/// The variable that carries the idempotency key, and by which a step's processes are known.
const KEY_VARIABLE: &str = "SMBCOPILOT_IDEMPOTENCY_KEY";

/// Why a step cannot be given what it needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("failed to make the step's directory {}: {source}", path.display())]
    WorkDir { path: PathBuf, source: io::Error },
    #[error("failed to write the step's input: {0}")]
    Input(io::Error),
    #[error("failed to make the step's pipes: {0}")]
    Pipes(Errno),
    #[error("failed to make the step's channel: {0}")]
    Channel(io::Error),
}

/// A directory that is gone, with all in it, when this is dropped.
pub(crate) struct WorkDir(PathBuf);

impl WorkDir {
    pub(crate) fn create(parent: &Path, start: &Start) -> Result<Self, PrepareError> {
        let path = parent.join(format!("step-{}-{}", std::process::id(), start.id));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Self(path).with_input(start),
            Err(source) => Err(PrepareError::WorkDir { path, source }),
        }
    }

    fn with_input(self, start: &Start) -> Result<Self, PrepareError> {
        match &start.action {
            Action::Container { .. } => {
                files::write_input(&self.0, &start.input).map_err(PrepareError::Input)?;
            }
            Action::Python { .. } => {}
        }
        Ok(self)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What cannot be removed is in a volume that goes with the pod.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The start message as the child reads it.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Message<'a> {
    Python(PythonMessage<'a>),
    Container(Program),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PythonMessage<'a> {
    code: &'a str,
    input: &'a serde_json::Value,
    env: BTreeMap<String, String>,
    meta: &'a protocol::host::Meta,
    secrets: &'a protocol::host::Secrets,
    work_dir: String,
}

pub(crate) fn message<'a>(start: &'a Start, work_dir: &WorkDir) -> Message<'a> {
    match &start.action {
        Action::Python { code } => Message::Python(PythonMessage {
            code,
            input: &start.input,
            env: python_environment(start, work_dir.path()),
            meta: &start.meta,
            secrets: &start.secrets,
            work_dir: text(work_dir.path()),
        }),
        Action::Container { command, args } => Message::Container(Program {
            command: [command.as_slice(), args].concat(),
            env: container_environment(start, work_dir.path()),
        }),
    }
}

/// `NAME=value` as it stands in the environment of the programs that a step starts.
pub(crate) fn mark(start: &Start) -> String {
    format!("{KEY_VARIABLE}={}", start.meta.idempotency_key)
}

/// The step's own variables, and over them those that say what the step is.
fn python_environment(start: &Start, work_dir: &Path) -> BTreeMap<String, String> {
    let path = std::env::var_os("PATH").unwrap_or_default().to_string_lossy().into_owned();
    let mut variables = homes(work_dir);
    variables.extend([("PATH".to_owned(), path), ("LANG".to_owned(), "C.UTF-8".to_owned())]);
    variables.extend(start.env.clone());
    variables.extend(about(start));
    variables
}

/// The same over what the image says, and where the files are.
fn container_environment(start: &Start, work_dir: &Path) -> BTreeMap<String, String> {
    let mut variables = launch::inherited();
    variables.extend(homes(work_dir));
    variables.extend(start.env.clone());
    variables.extend(about(start));
    variables.insert("SMBCOPILOT_INPUT".to_owned(), text(&files::input(work_dir)));
    variables.insert("SMBCOPILOT_OUTPUT".to_owned(), text(&files::output(work_dir)));
    variables
}

/// Where a step may write.
fn homes(work_dir: &Path) -> BTreeMap<String, String> {
    ["HOME", "TMPDIR"].map(|name| (name.to_owned(), text(work_dir))).into()
}

/// What a step may know about itself.
fn about(start: &Start) -> BTreeMap<String, String> {
    let meta = &start.meta;
    let mut variables = BTreeMap::from([
        ("SMBCOPILOT_RUN".to_owned(), meta.run.clone()),
        ("SMBCOPILOT_STEP".to_owned(), meta.step.clone()),
        ("SMBCOPILOT_ATTEMPT".to_owned(), meta.attempt.to_string()),
        (KEY_VARIABLE.to_owned(), meta.idempotency_key.clone()),
    ]);
    variables.extend(meta.item.map(|item| ("SMBCOPILOT_ITEM".to_owned(), item.to_string())));
    variables
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The child's ends of what connects it with this process.
pub(crate) struct ChildEnds {
    pub(crate) channel: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// Our ends of what connects us with a step's process.
pub(crate) struct Ends {
    pub(crate) channel: Framed,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

pub(crate) fn ends() -> Result<(Ends, ChildEnds), PrepareError> {
    let (ours, theirs) = UnixStream::pair().map_err(PrepareError::Channel)?;
    let channel = Framed::new(ours).map_err(PrepareError::Channel)?;
    let (stdout, their_stdout) = output()?;
    let (stderr, their_stderr) = output()?;
    let theirs = ChildEnds { channel: theirs.into(), stdout: their_stdout, stderr: their_stderr };
    Ok((Ends { channel, stdout, stderr }, theirs))
}

/// Only our end must not block: a step that writes faster than it is read has to wait.
fn output() -> Result<(Lines, OwnedFd), PrepareError> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).map_err(PrepareError::Pipes)?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(PrepareError::Pipes)?;
    Ok((Lines::new(ours), theirs))
}
