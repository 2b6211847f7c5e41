//! Fingerprints of the inputs of a build, so that it is repeated only when an input has changed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// A hash of files and texts.
#[derive(Default)]
pub(crate) struct Fingerprint {
    hasher: Sha256,
}

impl Fingerprint {
    /// Adds a text, such as a list of options.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.add(text.as_bytes());
        self
    }

    /// Adds a file, or all files below a folder with their relative paths.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read.
    pub(crate) fn tree(mut self, root: &Path) -> anyhow::Result<Self> {
        for file in files(root)? {
            let content =
                std::fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
            let name = file.strip_prefix(root).unwrap_or(&file);
            self.add(name.as_os_str().as_encoded_bytes());
            self.add(&content);
        }
        Ok(self)
    }

    /// Returns the hash in hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.hasher.finalize())
    }

    /// Adds a piece with its length, so that different lists of pieces have different hashes.
    fn add(&mut self, piece: &[u8]) {
        self.hasher.update(piece.len().to_string());
        self.hasher.update([0]);
        self.hasher.update(piece);
    }
}

/// Returns whether the stamp file has this fingerprint.
pub(crate) fn is_fresh(stamp: &Path, fingerprint: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|found| found == fingerprint)
}

/// Writes the fingerprint to the stamp file, after the build has succeeded.
pub(crate) fn stamp(path: &Path, fingerprint: &str) -> anyhow::Result<()> {
    std::fs::write(path, fingerprint).with_context(|| format!("failed to write {}", path.display()))
}

fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if root.is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let mut found = Vec::new();
    let entries = std::fs::read_dir(root).with_context(|| format!("failed to read {}", root.display()))?;
    for entry in entries {
        found.extend(files(&entry?.path())?);
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_pieces(pieces: &[&str]) -> String {
        let mut fingerprint = Fingerprint::default();
        pieces.iter().for_each(|piece| fingerprint.add(piece.as_bytes()));
        fingerprint.finish()
    }

    /// Moving a byte from one file to the next changes the fingerprint.
    #[test]
    fn boundaries_between_pieces_change_the_fingerprint() {
        assert_ne!(hash_pieces(&["ab", "c"]), hash_pieces(&["a", "bc"]));
    }
}
