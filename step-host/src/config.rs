//! Flags, each with an environment variable. Parsed by hand: the program is linked statically and stays small.
//!
//! A host of Python steps needs `--socket` alone (`SMBCOPILOT_SOCKET`); `--preload` names what its steps import.
//!
//! A host of container steps runs in an image that knows nothing of us. An init container of one of our images puts
//! the program into a volume with `step-host install <directory>`, and the host's container then starts
//! `<directory>/step-host` with `--kind container` (`SMBCOPILOT_KIND`), `--socket` (`SMBCOPILOT_SOCKET`) and `--work-dir`
//! (`SMBCOPILOT_WORK_DIR`): a volume that the container's user may write to, since nothing else in the image need be
//! writable. It takes no shell, no library and no particular user; it does not change the working directory, which is
//! the image's, and passes the image's environment on to the steps, its own variables (`SMBCOPILOT_…`) excepted.

use std::{ffi::OsString, path::PathBuf};

/// What a host is told when it starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where to listen for the runner.
    pub(crate) socket: PathBuf,
    /// The one user whose connection is accepted.
    pub(crate) runner_uid: u32,
    /// What steps here are.
    pub(crate) kind: Kind,
    /// The Python interpreter.
    pub(crate) python: PathBuf,
    /// The program that the interpreter runs.
    pub(crate) harness: PathBuf,
    /// Modules, separated by commas, that the interpreter imports before any step, beside those it always does.
    pub(crate) preload: OsString,
    /// Emptied whenever no step runs: the directory that code writes to although it is given one of its own.
    pub(crate) scratch: Option<PathBuf>,
    /// A step is ended when the host has more processes than this.
    pub(crate) max_processes: usize,
    /// Each step gets a directory of its own below this one.
    pub(crate) work_dir: PathBuf,
}

/// What the steps of a host are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Python functions, forked off a warm interpreter.
    Python,
    /// Programs of the image.
    Container,
}

/// Why the flags are refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("failed to read the flags: {flag:?} is unknown; known are {known}")]
    Unknown { flag: OsString, known: String },
    #[error("failed to read the flags: {flag} needs a value")]
    NoValue { flag: &'static str },
    #[error("failed to read the flags: {flag} or {variable} must be given")]
    Missing { flag: &'static str, variable: &'static str },
    #[error("failed to read the flags: {flag} is no user id: {value:?}")]
    NoUid { flag: &'static str, value: OsString },
    #[error("failed to read the flags: {flag} is no number: {value:?}")]
    NoNumber { flag: &'static str, value: OsString },
    #[error("failed to read the flags: {flag} is python or container, not {value:?}")]
    NoKind { flag: &'static str, value: OsString },
}

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
/// A hundred items at a time with ten processes each are within it.
const MAX_PROCESSES: Flag =
    Flag { name: "--max-processes", variable: "SMBCOPILOT_MAX_PROCESSES", default: Some("1500") };
const FLAGS: [&Flag; 9] =
    [&SOCKET, &RUNNER_UID, &KIND, &PYTHON, &HARNESS, &PRELOAD, &WORK_DIR, &SCRATCH, &MAX_PROCESSES];

impl Config {
    /// Reads `--flag value` pairs; what is not given comes from `variable`, then from the default.
    pub(crate) fn from_args(
        args: impl Iterator<Item = OsString>,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let given = pairs(args)?;
        let get = |flag: &Flag| {
            given
                .iter()
                .rfind(|(name, _)| *name == flag.name)
                .map(|(_, value)| value.clone())
                .or_else(|| variable(flag.variable))
                .or_else(|| flag.default.map(OsString::from))
                .ok_or(ConfigError::Missing { flag: flag.name, variable: flag.variable })
        };
        Ok(Self {
            socket: get(&SOCKET)?.into(),
            runner_uid: uid(get(&RUNNER_UID)?)?,
            kind: kind(get(&KIND)?)?,
            python: get(&PYTHON)?.into(),
            harness: get(&HARNESS)?.into(),
            preload: get(&PRELOAD)?,
            work_dir: get(&WORK_DIR)?.into(),
            scratch: Some(PathBuf::from(get(&SCRATCH)?)).filter(|path| !path.as_os_str().is_empty()),
            max_processes: number(get(&MAX_PROCESSES)?)?,
        })
    }
}

fn pairs(mut args: impl Iterator<Item = OsString>) -> Result<Vec<(&'static str, OsString)>, ConfigError> {
    let mut given = Vec::new();
    while let Some(arg) = args.next() {
        let Some(flag) = FLAGS.iter().find(|flag| arg == flag.name) else {
            return Err(ConfigError::Unknown { flag: arg, known: FLAGS.map(|flag| flag.name).join(", ") });
        };
        let value = args.next().ok_or(ConfigError::NoValue { flag: flag.name })?;
        given.push((flag.name, value));
    }
    Ok(given)
}

fn uid(value: OsString) -> Result<u32, ConfigError> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or(ConfigError::NoUid { flag: RUNNER_UID.name, value })
}

fn number(value: OsString) -> Result<usize, ConfigError> {
    value
        .to_str()
        .and_then(|text| text.parse().ok())
        .ok_or(ConfigError::NoNumber { flag: MAX_PROCESSES.name, value })
}

fn kind(value: OsString) -> Result<Kind, ConfigError> {
    match value.to_str() {
        Some("python") => Ok(Kind::Python),
        Some("container") => Ok(Kind::Container),
        _ => Err(ConfigError::NoKind { flag: KIND.name, value }),
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

    /// A host listens elsewhere than the pod says.
    #[test]
    fn a_flag_beats_its_variable_and_that_beats_the_default() {
        let variables = [("SMBCOPILOT_SOCKET", "/from/env"), ("SMBCOPILOT_RUNNER_UID", "7")];
        let config = parse(&["--socket", "/from/flag"], &variables).unwrap();
        assert_eq!(config.socket, PathBuf::from("/from/flag"));
        assert_eq!((config.runner_uid, config.work_dir), (7, PathBuf::from("/tmp")));
    }

    /// A typo in a pod's arguments is silently ignored.
    #[test]
    fn what_is_unknown_or_missing_is_named() {
        let refused = |args: &[&str]| parse(args, &[]).unwrap_err().to_string();
        assert!(refused(&["--sockt", "x"]).contains("--sockt"));
        assert!(refused(&["--socket"]).contains("needs a value"));
        assert!(refused(&[]).contains("SMBCOPILOT_SOCKET"));
        assert!(refused(&["--socket", "x", "--runner-uid", "root"]).contains("root"));
        assert!(refused(&["--socket", "x", "--kind", "shell"]).contains("shell"));
    }
}
