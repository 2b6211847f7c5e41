//! Command-line flags. Each can be set by an environment variable instead. They are parsed without a library,
//! so that the statically linked program is small.
//!
//! A host of Python steps requires only `--socket` (`SMBCOPILOT_SOCKET`). `--preload` lists the modules that its steps
//! import.
//!
//! A host of container steps runs in a user's image. An init container with an image of SMB Copilot copies the program
//! into a volume with `step-host install <directory>`. The host's container then starts `<directory>/step-host` with
//! `--kind container` (`SMBCOPILOT_KIND`), `--socket` (`SMBCOPILOT_SOCKET`) and `--work-dir` (`SMBCOPILOT_WORK_DIR`), a
//! volume that the container's user can write to, since the image need not have any other writable directory. The
//! program requires no shell, no libraries and no particular user. It does not change the image's working directory, and
//! passes the image's environment on to the steps, except its own variables (`SMBCOPILOT_…`).

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

/// Configuration of a host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Path of the socket on which the host listens for the runner.
    pub(crate) socket: PathBuf,
    /// User ID of the runner. Connections of other users are refused.
    pub(crate) runner_uid: u32,
    /// Kind of the steps in this host.
    pub(crate) kind: Kind,
    /// Path of the Python interpreter.
    pub(crate) python: PathBuf,
    /// Path of the program that the interpreter executes.
    pub(crate) harness: PathBuf,
    /// Comma-separated modules that the interpreter imports before the first step, in addition to the default ones.
    pub(crate) preload: OsString,
    /// Directory that is emptied whenever no step runs, for code that does not use the step's own directory.
    pub(crate) scratch: Option<PathBuf>,
    /// Directories that the hosts of a pod share, which are emptied between runs.
    pub(crate) shared_dirs: Vec<PathBuf>,
    /// Time within which the process of a step must exist.
    pub(crate) start_timeout: Duration,
    /// Maximum number of processes. Above it, the step with the most processes is killed.
    pub(crate) max_processes: usize,
    /// Directory in which each step gets a directory of its own.
    pub(crate) work_dir: PathBuf,
}

/// Kind of the steps in a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Python functions, executed in forks of an interpreter that is already running.
    Python,
    /// Programs of the container's image.
    Container,
}

/// Invalid flags.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("unknown flag {flag:?}; known flags are {known}")]
    Unknown { flag: OsString, known: String },
    #[error("{flag} requires a value")]
    NoValue { flag: &'static str },
    #[error("{flag} or {variable} is required")]
    Missing { flag: &'static str, variable: &'static str },
    #[error("{flag} must be a user ID, not {value:?}")]
    InvalidUid { flag: &'static str, value: OsString },
    #[error("{flag} must be a number, not {value:?}")]
    InvalidNumber { flag: &'static str, value: OsString },
    #[error("{flag} must be `python` or `container`, not {value:?}")]
    InvalidKind { flag: &'static str, value: OsString },
}

/// Flag with its environment variable.
struct Flag {
    name: &'static str,
    variable: &'static str,
    default: Option<&'static str>,
}

const SOCKET: Flag = Flag { name: "--socket", variable: "SMBCOPILOT_SOCKET", default: None };
const RUNNER_UID: Flag =
    Flag { name: "--runner-uid", variable: "SMBCOPILOT_RUNNER_UID", default: Some("10001") };
const KIND: Flag = Flag { name: "--kind", variable: "SMBCOPILOT_KIND", default: Some("python") };
const PYTHON: Flag = Flag { name: "--python", variable: "SMBCOPILOT_PYTHON", default: Some("python3") };
const HARNESS: Flag = Flag {
    name: "--harness",
    variable: "SMBCOPILOT_HARNESS",
    default: Some("/usr/local/lib/smb-copilot/harness.py"),
};
const PRELOAD: Flag = Flag { name: "--preload", variable: "SMBCOPILOT_PRELOAD", default: Some("") };
const WORK_DIR: Flag = Flag { name: "--work-dir", variable: "SMBCOPILOT_WORK_DIR", default: Some("/tmp") };
const SCRATCH: Flag = Flag { name: "--scratch", variable: "SMBCOPILOT_SCRATCH", default: Some("") };
const SHARED_DIRS: Flag =
    Flag { name: "--shared-dirs", variable: "SMBCOPILOT_SHARED_DIRS", default: Some("") };
/// Flag for the maximum number of processes. Its default permits a hundred items at the same time with ten
/// processes each.
const MAX_PROCESSES: Flag =
    Flag { name: "--max-processes", variable: "SMBCOPILOT_MAX_PROCESSES", default: Some("1500") };
/// Flag for the time in seconds within which the process of a step must exist. An interpreter that still imports its modules
/// needs seconds. After this time another step has stopped it, or the system cannot start processes: the pod is unusable.
const START_TIMEOUT: Flag =
    Flag { name: "--start-timeout", variable: "SMBCOPILOT_START_TIMEOUT", default: Some("60") };
const FLAGS: [&Flag; 11] = [
    &SOCKET,
    &RUNNER_UID,
    &KIND,
    &PYTHON,
    &HARNESS,
    &PRELOAD,
    &WORK_DIR,
    &SCRATCH,
    &SHARED_DIRS,
    &START_TIMEOUT,
    &MAX_PROCESSES,
];

impl Config {
    /// Parses pairs of `--flag value`. A missing flag has the value of its environment variable, or else its default.
    ///
    /// # Errors
    /// Returns an error if a flag is unknown, missing or has an invalid value.
    pub(crate) fn from_args(
        args: impl Iterator<Item = OsString>,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let pairs = parse_pairs(args)?;
        let get = |flag: &Flag| {
            pairs
                .iter()
                .rfind(|(name, _)| *name == flag.name)
                .map(|(_, value)| value.clone())
                .or_else(|| variable(flag.variable))
                .or_else(|| flag.default.map(OsString::from))
                .ok_or(ConfigError::Missing { flag: flag.name, variable: flag.variable })
        };
        Ok(Self {
            socket: get(&SOCKET)?.into(),
            runner_uid: parse_uid(get(&RUNNER_UID)?)?,
            kind: parse_kind(get(&KIND)?)?,
            python: get(&PYTHON)?.into(),
            harness: get(&HARNESS)?.into(),
            preload: get(&PRELOAD)?,
            work_dir: get(&WORK_DIR)?.into(),
            scratch: Some(PathBuf::from(get(&SCRATCH)?)).filter(|path| !path.as_os_str().is_empty()),
            shared_dirs: parse_paths(&get(&SHARED_DIRS)?),
            start_timeout: Duration::from_secs(parse_number(&START_TIMEOUT, get(&START_TIMEOUT)?)?),
            max_processes: parse_number(&MAX_PROCESSES, get(&MAX_PROCESSES)?)?,
        })
    }
}

fn parse_pairs(
    mut args: impl Iterator<Item = OsString>,
) -> Result<Vec<(&'static str, OsString)>, ConfigError> {
    let mut pairs = Vec::new();
    while let Some(arg) = args.next() {
        let Some(flag) = FLAGS.iter().find(|flag| arg == flag.name) else {
            return Err(ConfigError::Unknown { flag: arg, known: FLAGS.map(|flag| flag.name).join(", ") });
        };
        let value = args.next().ok_or(ConfigError::NoValue { flag: flag.name })?;
        pairs.push((flag.name, value));
    }
    Ok(pairs)
}

/// Parses paths that are separated by colons.
fn parse_paths(value: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(value).filter(|path| !path.as_os_str().is_empty()).collect()
}

fn parse_uid(value: OsString) -> Result<u32, ConfigError> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or(ConfigError::InvalidUid { flag: RUNNER_UID.name, value })
}

fn parse_number<T: FromStr>(flag: &Flag, value: OsString) -> Result<T, ConfigError> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or(ConfigError::InvalidNumber { flag: flag.name, value })
}

fn parse_kind(value: OsString) -> Result<Kind, ConfigError> {
    match value.to_str() {
        Some("python") => Ok(Kind::Python),
        Some("container") => Ok(Kind::Container),
        _ => Err(ConfigError::InvalidKind { flag: KIND.name, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_args(args.iter().map(OsString::from), &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    /// A flag takes precedence over its environment variable, and that over the default.
    #[test]
    fn flags_take_precedence_over_variables_and_defaults() {
        let variables = [("SMBCOPILOT_SOCKET", "/from/env"), ("SMBCOPILOT_RUNNER_UID", "7")];
        let config = parse(&["--socket", "/from/flag"], &variables).unwrap();
        assert_eq!(config.socket, PathBuf::from("/from/flag"));
        assert_eq!((config.runner_uid, config.work_dir), (7, PathBuf::from("/tmp")));
    }

    /// Unknown, missing and invalid flags are errors that name the flag.
    #[test]
    fn unknown_and_missing_flags_are_named() {
        let refused = |args: &[&str]| parse(args, &[]).unwrap_err().to_string();
        assert!(refused(&["--sockt", "x"]).contains("--sockt"));
        assert!(refused(&["--socket"]).contains("requires a value"));
        assert!(refused(&[]).contains("SMBCOPILOT_SOCKET"));
        assert!(refused(&["--socket", "x", "--runner-uid", "root"]).contains("root"));
        assert!(refused(&["--socket", "x", "--kind", "shell"]).contains("shell"));
    }
}
