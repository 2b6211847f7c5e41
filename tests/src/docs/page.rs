//! The Markdown pages of the checkout.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::block::{Block, blocks};

/// Folders without pages: build results, and files that belong to git.
const OTHER_FOLDERS: &[&str] = &["target", ".git", "node_modules"];

/// Page whose commands need a running Argo CD, which the tests of `tests/gitops` have.
pub const GITOPS: &str = "docs/guides/gitops.md";

/// Page of the documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Path below the root of the checkout, such as `docs/guides/writing-workflows.md`.
    pub path: String,
    /// Blocks of code, in their order.
    pub blocks: Vec<Block>,
}

/// Returns the root of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns all Markdown pages of the checkout.
///
/// # Errors
/// Returns an error if a page cannot be read, or has a block that is not marked.
pub fn pages() -> anyhow::Result<Vec<Page>> {
    let root = root();
    files(&root, "md")?
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&root)?.display().to_string();
            let blocks = blocks(&fs::read_to_string(file)?).with_context(|| path.clone())?;
            Ok(Page { path, blocks })
        })
        .collect()
}

/// Returns the files with an extension in a folder and below.
///
/// # Errors
/// Returns an error if a folder cannot be read.
pub fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let is_other = OTHER_FOLDERS.iter().any(|name| path.ends_with(name));
            if path.is_dir() && !path.is_symlink() && !is_other {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::block::Kind;

    /// Every block of code in the repository is executed, or states the reason why it is not.
    #[test]
    fn every_block_is_marked() {
        let pages = pages().unwrap();
        assert!(pages.iter().any(|page| page.path == "README.md" && !page.blocks.is_empty()), "{pages:?}");
    }

    /// Every file that a page defines is used by a command of the page.
    #[test]
    fn every_file_is_used_by_a_command() {
        for page in pages().unwrap() {
            let scripts: Vec<&str> = page.blocks.iter().flat_map(scripts).collect();
            for block in &page.blocks {
                let Kind::File(name) = &block.kind else { continue };
                let is_used = scripts.iter().any(|script| script.contains(name));
                assert!(is_used, "{}:{}: no command uses {name}", page.path, block.line);
            }
        }
    }

    fn scripts(block: &Block) -> Vec<&str> {
        match &block.kind {
            Kind::Commands(commands) => commands.iter().map(|command| command.script.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}
