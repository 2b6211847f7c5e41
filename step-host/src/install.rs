//! Puts this program where a foreign image finds it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The program's name in its directory.
const NAME: &str = "step-host";
/// For every user: the container that runs it may be of any.
const MODE: u32 = 0o555;

/// Why it is not there.
#[derive(Debug, thiserror::Error)]
#[error("failed to copy this program to {}", to.display())]
pub(crate) struct InstallError {
    to: PathBuf,
    #[source]
    source: io::Error,
}

/// Copies this program into a directory, as `step-host`. One that is there already is replaced.
pub(crate) fn install(directory: &Path) -> Result<(), InstallError> {
    let to = directory.join(NAME);
    let failed = |source| InstallError { to: to.clone(), source };
    match fs::remove_file(&to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::copy("/proc/self/exe", &to).map_err(failed)?;
    fs::set_permissions(&to, fs::Permissions::from_mode(MODE)).map_err(failed)
}
