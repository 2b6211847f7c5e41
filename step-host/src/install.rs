//! Copies this program into a volume, from which the container of a user's image starts it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// File name of the program.
const NAME: &str = "step-host";
/// File mode: executable for every user, since the container may run as any of them.
const MODE: u32 = 0o555;

/// Failure to copy the program.
#[derive(Debug, thiserror::Error)]
#[error("failed to copy this program to {}", to.display())]
pub(crate) struct InstallError {
    to: PathBuf,
    #[source]
    source: io::Error,
}

/// Copies this program into a directory as `step-host`. An existing file is replaced.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(crate) fn install(directory: &Path) -> Result<(), InstallError> {
    let target = directory.join(NAME);
    let failed = |source| InstallError { to: target.clone(), source };
    match fs::remove_file(&target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::copy("/proc/self/exe", &target).map_err(failed)?;
    fs::set_permissions(&target, fs::Permissions::from_mode(MODE)).map_err(failed)
}
