//! What a thing was made from, so that it is made again only when that has changed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// A hash over files and settings.
#[derive(Default)]
pub(crate) struct Fingerprint {
    hasher: Sha256,
}

impl Fingerprint {
    /// Adds a text, as of settings.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.add(text.as_bytes());
        self
    }

    /// Adds a file, or all files below a folder: their paths below it and their contents.
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

    /// The hash, in hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.hasher.finalize())
    }

    /// Each piece goes in with its length, so that no two lists of pieces look the same.
    fn add(&mut self, piece: &[u8]) {
        self.hasher.update(piece.len().to_string());
        self.hasher.update([0]);
        self.hasher.update(piece);
    }
}

/// Whether the stamp file says that the thing was made from just this.
pub(crate) fn is_fresh(stamp: &Path, fingerprint: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|found| found == fingerprint)
}

/// Writes the stamp, after the thing has been made.
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

    fn of(pieces: &[&str]) -> String {
        let mut fingerprint = Fingerprint::default();
        pieces.iter().for_each(|piece| fingerprint.add(piece.as_bytes()));
        fingerprint.finish()
    }

    /// Moving a byte from one file to the next must not pass for no change.
    #[test]
    fn borders_between_pieces_count() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }
}
