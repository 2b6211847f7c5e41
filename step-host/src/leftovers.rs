//! Removal of everything that the steps of an ended run have left outside of their processes.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

/// Lists of the System V message queues, semaphores and shared memory of this pod, with the column of the creator's user.
const IPC_LISTS: [(&str, usize); 3] =
    [("/proc/sysvipc/msg", 9), ("/proc/sysvipc/sem", 6), ("/proc/sysvipc/shm", 9)];

/// Something that an ended run has left and that cannot be removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeftoverError {
    #[error("failed to empty {}", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to empty the termination message {}", path.display())]
    TerminationMessage {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Only their creator can remove System V objects, by calls that need unsafe code, and hardly any step uses them.
    #[error("a step has left a System V queue, semaphore or shared memory ({list})")]
    SystemV { list: &'static str },
}

/// Removes everything in a directory. Entries that cannot be removed are skipped.
pub(crate) fn empty_best_effort(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let _ = remove(&entry);
    }
}

/// Removes everything in a directory. A directory that does not exist is empty.
///
/// # Errors
/// Returns an error if an entry cannot be removed.
pub(crate) fn empty(directory: &Path) -> Result<(), LeftoverError> {
    let failed = |source| LeftoverError::Directory { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    entries.into_iter().try_for_each(|entry| remove(&entry?)).map_err(failed)
}

/// Removes an entry, unless another host has removed it from a shared directory.
fn remove(entry: &fs::DirEntry) -> io::Result<()> {
    let path = entry.path();
    let removed = match entry.file_type() {
        Ok(kind) if kind.is_dir() => remove_directory(&path),
        Ok(_) => fs::remove_file(&path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn remove_directory(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        // A step may have removed its own permission to list a directory.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            grant_access(path)?;
            fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

/// Grants the owner access to a directory and those in it.
fn grant_access(root: &Path) -> io::Result<()> {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Empties the file for the container's termination message, which any process in the container can write to.
///
/// # Errors
/// Returns an error if the file exists and cannot be emptied.
pub(crate) fn empty_termination_message(path: &Path) -> Result<(), LeftoverError> {
    if !path.exists() {
        return Ok(());
    }
    let failed = |source| LeftoverError::TerminationMessage { path: path.to_owned(), source };
    File::options().write(true).truncate(true).open(path).map(drop).map_err(failed)
}

/// Checks that no System V objects of this user exist.
///
/// # Errors
/// Returns an error if there is one.
pub(crate) fn check_system_v() -> Result<(), LeftoverError> {
    let user = geteuid().to_string();
    for (list, column) in IPC_LISTS {
        let text = fs::read_to_string(list).unwrap_or_default();
        let is_own = |line: &str| line.split_whitespace().nth(column) == Some(user.as_str());
        if text.lines().skip(1).any(is_own) {
            return Err(LeftoverError::SystemV { list });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory is emptied whatever it contains.
    #[test]
    fn a_directory_is_emptied_whatever_it_contains() {
        let directory = std::env::temp_dir().join(format!("smb-leftovers-{}", std::process::id()));
        let locked = directory.join("a/locked");
        fs::create_dir_all(locked.join("inner")).unwrap();
        fs::write(directory.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/", directory.join("root")).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        empty(&directory).unwrap();
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
        fs::remove_dir(&directory).unwrap();
        empty(&directory).unwrap();
    }
}
