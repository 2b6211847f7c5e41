//! Protection of this process from the code of steps, which runs as the same user.
//!
//! The kernel lets a process change the limits, priority and CPUs of any other process of its user. That cannot be
//! prevented without another user, but it can be detected: [`OwnProcess::is_unchanged`] is checked before each run.

use std::{fs, path::Path};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit},
        statvfs::statvfs,
    },
};

/// Number of the field `priority` in `/proc/self/stat`, counted from the one after the name.
const PRIORITY_FIELD: usize = 15;
/// Number of the field `nice`.
const NICE_FIELD: usize = 16;
/// Number of the field `rt_priority`.
const REAL_TIME_PRIORITY_FIELD: usize = 37;
/// Number of the field `policy`.
const POLICY_FIELD: usize = 38;

/// Bytes by which the limit of a file's size exceeds the file system, so that a step that fills it is told that there is no
/// space left, and not that its file is too large.
const FILE_SIZE_MARGIN: u64 = 64 * 1024;

/// Attributes of this process that other processes of the same user can change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OwnProcess {
    limits: String,
    scheduling: Vec<String>,
    cpus: String,
    oom_score_adjustment: String,
}

impl OwnProcess {
    /// Protects this process and returns its attributes.
    ///
    /// Other processes cannot attach to it, nor read or write its memory and its files. Its limits, which steps inherit,
    /// allow no core dumps, which the node might store, and no file that is much larger than the file system of `scratch`. That
    /// bounds the one file outside of the volumes that steps can write to: the container's termination message.
    ///
    /// # Errors
    /// Returns an error if the kernel refuses the protection.
    pub(crate) fn protect(scratch: Option<&Path>) -> Result<Self, Errno> {
        prctl::set_dumpable(false)?;
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        if let Some(bytes) = scratch.and_then(file_system_bytes) {
            let bytes = bytes.saturating_add(FILE_SIZE_MARGIN);
            let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
            let bytes = if hard == RLIM_INFINITY { bytes } else { bytes.min(hard) };
            setrlimit(Resource::RLIMIT_FSIZE, bytes, bytes)?;
        }
        Ok(Self::read())
    }

    /// Returns whether no other process has changed this one.
    pub(crate) fn is_unchanged(&self) -> bool {
        *self == Self::read()
    }

    fn read() -> Self {
        let file = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let status = file("status");
        let cpus = status.lines().find(|line| line.starts_with("Cpus_allowed:")).unwrap_or_default();
        Self {
            limits: file("limits"),
            scheduling: scheduling(&file("stat")),
            cpus: cpus.to_owned(),
            oom_score_adjustment: file("oom_score_adj"),
        }
    }
}

/// Returns the fields of `/proc/self/stat` that determine when the process is scheduled.
fn scheduling(stat: &str) -> Vec<String> {
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().collect()).unwrap_or_default();
    [PRIORITY_FIELD, NICE_FIELD, REAL_TIME_PRIORITY_FIELD, POLICY_FIELD]
        .iter()
        .map(|at| fields.get(*at).copied().unwrap_or_default().to_owned())
        .collect()
}

/// Returns the size of the file system of a directory, or `None` if it cannot be determined.
fn file_system_bytes(directory: &Path) -> Option<u64> {
    let statistics = statvfs(directory).ok()?;
    Some(statistics.blocks().saturating_mul(statistics.fragment_size())).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields are those that the kernel documents, whatever the name of the process.
    #[test]
    fn scheduling_fields_are_read_by_their_documented_numbers() {
        // Field 3 of the documentation is the first one after the name.
        let fields: Vec<String> = (3..=52).map(|number| format!("f{number}")).collect();
        let stat = format!("1 (step) host) {}", fields.join(" "));
        assert_eq!(scheduling(&stat), ["f18", "f19", "f40", "f41"]);
    }
}
