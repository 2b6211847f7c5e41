//! Finds and parses the scenario files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::Value;

use super::format::Scenario;

/// File of a scenario.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// Path below the folder without `.yaml`, such as `fan_out/order`.
    pub name: String,
    text: String,
}

/// Returns all scenario files below a folder, ordered by name.
///
/// # Errors
/// Returns an error if the folder or a file cannot be read.
pub fn find(folder: &Path) -> anyhow::Result<Vec<ScenarioFile>> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    paths.iter().map(|path| read(folder, path)).collect()
}

impl ScenarioFile {
    /// Parses the file after replacing the placeholders by these texts.
    ///
    /// # Errors
    /// Returns an error that names the field if the file is not a scenario.
    pub fn parse(&self, placeholders: &[(&str, String)]) -> anyhow::Result<Scenario> {
        let text =
            placeholders.iter().fold(self.text.clone(), |text, (name, value)| text.replace(name, value));
        // The value is converted by way of JSON, since serde_yaml would expect YAML tags for enums.
        let value: Value =
            serde_yaml::from_str(&text).with_context(|| format!("{} is not valid YAML", self.name))?;
        serde_json::from_value(value).with_context(|| format!("{} is not a scenario", self.name))
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

fn read(folder: &Path, path: &Path) -> anyhow::Result<ScenarioFile> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let name = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    Ok(ScenarioFile { name: name.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A misspelt expectation is an error, rather than being ignored.
    #[test]
    fn unknown_fields_are_refused() {
        let file = |text: &str| ScenarioFile { name: "graph/typo".to_owned(), text: text.to_owned() };
        let head = "title: t\nworkflow: {steps: []}\n";
        let parse = |rest: &str| file(&format!("{head}{rest}")).parse(&[]);
        assert!(parse("expect: {run: {phase: Failed}}").is_ok());
        assert!(parse("expect: {run: {fase: Failed}}").is_err());
        assert!(parse("expect: {}\nevents: [{do: {cancle: {how: Now}}}]").is_err());
    }

    /// Every file is valid, which is known before a node is booted for the scenarios.
    #[test]
    fn every_file_is_a_valid_scenario() -> anyhow::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        for found in find(&folder)? {
            let scenario = found.parse(&[])?;
            assert!(!scenario.title.is_empty(), "{} has no title", found.name);
        }
        Ok(())
    }
}
