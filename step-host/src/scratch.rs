//! Removal of files that steps leave in the shared scratch directory.

use std::{fs, path::Path};

/// Removes everything in a directory. Entries that cannot be removed are skipped.
pub(crate) fn empty(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let _ = if is_directory { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
    }
}
