//! What a step finds when it begins: a directory of its own, its environment, its ends of pipes and channel.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::{fs::DirBuilderExt as _, net::UnixStream},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};
use protocol::host::{Action, Start};
use serde::Serialize;

use crate::{framed::Framed, python::ChildEnds, step::lines::Lines};

/// The variable that carries the idempotency key, and by which a step's processes are known.
const KEY_VARIABLE: &str = "SMB_IDEMPOTENCY_KEY";

/// Why a step cannot be given what it needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("failed to make the step's directory {}: {source}", path.display())]
    WorkDir { path: PathBuf, source: io::Error },
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
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(PrepareError::WorkDir { path, source }),
        }
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
#[serde(rename_all = "camelCase")]
pub(crate) struct Message<'a> {
    code: &'a str,
    input: &'a serde_json::Value,
    env: BTreeMap<&'a str, String>,
    meta: &'a protocol::host::Meta,
    work_dir: String,
}

pub(crate) fn message<'a>(start: &'a Start, work_dir: &WorkDir) -> Message<'a> {
    let Action::Python { code } = &start.action;
    Message {
        code,
        input: &start.input,
        env: environment(start, &work_dir.0),
        meta: &start.meta,
        work_dir: work_dir.0.display().to_string(),
    }
}

/// `NAME=value` as it stands in the environment of the programs that a step starts.
pub(crate) fn mark(start: &Start) -> String {
    format!("{KEY_VARIABLE}={}", start.meta.idempotency_key)
}

/// The step's own variables, and over them those that say what the step is.
fn environment<'a>(start: &'a Start, work_dir: &Path) -> BTreeMap<&'a str, String> {
    let meta = &start.meta;
    let home = work_dir.display().to_string();
    let path = std::env::var_os("PATH").unwrap_or_default().to_string_lossy().into_owned();
    let mut variables = BTreeMap::from([("PATH", path), ("HOME", home.clone()), ("TMPDIR", home)]);
    variables.insert("LANG", "C.UTF-8".to_owned());
    variables.extend(start.env.iter().map(|(name, value)| (name.as_str(), value.clone())));
    variables.insert("SMB_RUN", meta.run.clone());
    variables.insert("SMB_STEP", meta.step.clone());
    variables.insert("SMB_ATTEMPT", meta.attempt.to_string());
    variables.insert(KEY_VARIABLE, meta.idempotency_key.clone());
    variables
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
fn output() -> Result<(Lines, std::os::fd::OwnedFd), PrepareError> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).map_err(PrepareError::Pipes)?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(PrepareError::Pipes)?;
    Ok((Lines::new(ours), theirs))
}
