//! Preparation of a step: its directory, its environment and its start message.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use nix::unistd::mkdtemp;
use protocol::host::{Action, Start};
use serde::Serialize;

use crate::{
    child_io::ChildIoError,
    launch::{self, Program},
    step::files,
};

/// Variable with the idempotency key, which also identifies the processes of a step.
const KEY_VARIABLE: &str = "SMBCOPILOT_IDEMPOTENCY_KEY";

/// Failure to prepare a step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error("failed to create the step's directory {}: {source}", path.display())]
    WorkDir { path: PathBuf, source: io::Error },
    #[error("failed to write the step's input: {0}")]
    Input(io::Error),
    #[error(transparent)]
    Io(#[from] ChildIoError),
}

/// Directory of a step. It contains the working directory of the step and, for a container step, the files of its input and output.
/// Dropping it removes the directory with its content.
pub(crate) struct WorkDir(PathBuf);

impl WorkDir {
    /// Creates the directory, the working directory and, for a container step, its input file.
    pub(crate) fn create(parent: &Path, start: &Start) -> Result<Self, PrepareError> {
        // Another step could create a directory in advance whose name it can foresee.
        let template = parent.join("step-XXXXXX");
        match mkdtemp(&template) {
            Ok(path) => Self(path).with_input(start),
            Err(errno) => Err(PrepareError::WorkDir { path: template, source: errno.into() }),
        }
    }

    fn with_input(self, start: &Start) -> Result<Self, PrepareError> {
        fs::create_dir(self.home()).map_err(|source| PrepareError::WorkDir { path: self.home(), source })?;
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

    /// Returns the working directory, which is empty at the start of the step. It is also the home directory and the one
    /// for temporary files.
    fn home(&self) -> PathBuf {
        self.0.join("home")
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // Files that remain are removed together with the pod's volume.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Start message for the step's process.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum StartMessage<'a> {
    Python(PythonStart<'a>),
    Container(Program),
}

/// Start message for the Python harness.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PythonStart<'a> {
    code: &'a str,
    input: &'a serde_json::Value,
    env: BTreeMap<String, String>,
    meta: &'a protocol::host::Meta,
    secrets: &'a protocol::host::Secrets,
    work_dir: String,
}

/// Returns the start message of a step.
pub(crate) fn start_message<'a>(start: &'a Start, work_dir: &WorkDir) -> StartMessage<'a> {
    match &start.action {
        Action::Python { code } => StartMessage::Python(PythonStart {
            code,
            input: &start.input,
            env: python_environment(start, work_dir),
            meta: &start.meta,
            secrets: &start.secrets,
            work_dir: text(&work_dir.home()),
        }),
        Action::Container { command, args, working_dir } => StartMessage::Container(Program {
            command: [command.as_slice(), args].concat(),
            directory: working_dir.clone().unwrap_or_else(|| text(&work_dir.home())),
            env: container_environment(start, work_dir),
        }),
    }
}

/// Returns the variable as `NAME=value` that identifies the programs which a step starts.
pub(crate) fn mark(start: &Start) -> String {
    format!("{KEY_VARIABLE}={}", start.meta.idempotency_key)
}

/// Returns the environment of a Python step. The step's own variables override the defaults, and the metadata overrides
/// both.
fn python_environment(start: &Start, work_dir: &WorkDir) -> BTreeMap<String, String> {
    let path = std::env::var_os("PATH").unwrap_or_default().to_string_lossy().into_owned();
    let mut variables = directory_variables(work_dir);
    variables.extend([("PATH".to_owned(), path), ("LANG".to_owned(), "C.UTF-8".to_owned())]);
    variables.extend(start.env.clone());
    variables.extend(metadata_variables(start));
    variables
}

/// Returns the environment of a container step: that of the image, overridden by the step's own variables, the metadata
/// and the paths of input and output.
fn container_environment(start: &Start, work_dir: &WorkDir) -> BTreeMap<String, String> {
    let mut variables = launch::inherited_environment();
    variables.extend(directory_variables(work_dir));
    variables.extend(start.env.clone());
    variables.extend(metadata_variables(start));
    variables.insert("SMBCOPILOT_INPUT".to_owned(), text(&files::input_path(work_dir.path())));
    variables.insert("SMBCOPILOT_OUTPUT".to_owned(), text(&files::output_path(work_dir.path())));
    variables
}

/// Returns the variables that point to the step's writable directory.
fn directory_variables(work_dir: &WorkDir) -> BTreeMap<String, String> {
    ["HOME", "TMPDIR"].map(|name| (name.to_owned(), text(&work_dir.home()))).into()
}

/// Returns the variables with the step's metadata.
fn metadata_variables(start: &Start) -> BTreeMap<String, String> {
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
