//! Finding and reading the files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

use super::format::Scenario;

/// A scenario's file.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path below the folder, without `.yaml`: `fan_out/order`.
    pub name: String,
    text: String,
}

/// All files below a folder, by name.
///
/// # Errors
/// The folder cannot be read.
pub fn find(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    paths.iter().map(|path| read(folder, path)).collect()
}

impl Found {
    /// What it says, with these texts instead of what stands for them.
    ///
    /// # Errors
    /// It is no scenario: the error says which field is wrong.
    pub fn parse(&self, stands_for: &[(&str, String)]) -> anyhow::Result<Scenario> {
        let text = stands_for.iter().fold(self.text.clone(), |text, (name, of)| text.replace(name, of));
        // By way of JSON: serde_yaml writes enums as tags, which authors need not know.
        let value: Value =
            serde_yaml::from_str(&text).with_context(|| format!("{} is no YAML", self.name))?;
        serde_json::from_value(value).with_context(|| format!("{} is no scenario", self.name))
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read(folder: &Path, path: &Path) -> anyhow::Result<Found> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let name = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    Ok(Found { name: name.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A misspelt expectation is none, and its scenario passes whatever happens.
    #[test]
    fn unknown_fields_are_refused() {
        let file = |text: &str| Found { name: "graph/typo".to_owned(), text: text.to_owned() };
        let head = "title: t\nworkflow: {steps: []}\n";
        let parse = |rest: &str| file(&format!("{head}{rest}")).parse(&[]);
        assert!(parse("expect: {run: {phase: Failed}}").is_ok());
        assert!(parse("expect: {run: {fase: Failed}}").is_err());
        assert!(parse("expect: {}\nevents: [{do: {cancle: {how: Now}}}]").is_err());
    }

    /// A scenario that nobody can read is found out only when a node has been booted for it.
    #[test]
    fn every_file_is_a_scenario() -> anyhow::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        for found in find(&folder)? {
            let scenario = found.parse(&[])?;
            assert!(!scenario.title.is_empty(), "{} says not what breaks", found.name);
        }
        Ok(())
    }
}
