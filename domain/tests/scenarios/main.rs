//! The scenarios of `tests/scenarios` without a cluster: the engine alone, with attempts that end as the file says.
//!
//! Time passes as fast as nothing else can happen. What only a cluster can show is left to `cargo xtask test scenarios`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

mod calls;
mod compare;
#[path = "../../../tests/src/scenario/format/mod.rs"]
#[allow(dead_code, unused_imports, reason = "what only a cluster can show is read, but not looked at")]
mod format;
mod play;
mod queue;
mod schedules;
mod script;
mod world;

use std::path::{Path, PathBuf};

use format::Scenario;
use play::Played;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// What a scenario promises to users does not depend on pods: the engine alone must keep it. And where nothing of one is
/// decided here, its file says where.
#[test]
fn scenarios_hold_without_a_cluster() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    let (mut played, mut left, mut failed) = (0, Vec::new(), Vec::new());
    for path in paths {
        let name = path.strip_prefix(&root).expect("below the root").display().to_string();
        let text = std::fs::read_to_string(&path).expect("readable");
        let hosts = [
            (format::SERVER, "http://server.test"),
            (format::OTHER, "http://other.test"),
            (format::SECURE, "https://server.test"),
        ];
        let text = hosts.iter().fold(text, |text, (name, host)| text.replace(name, host));
        // By way of JSON: in YAML a variant with a value would need a tag.
        let value: serde_json::Value =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scenario: Scenario =
            serde_json::from_value(value).unwrap_or_else(|error| panic!("{name}: {error}"));
        match play::play(&scenario) {
            Ok(Played::All) => played += 1,
            Ok(Played::Not(why)) => left.push(format!("{name}: {why}")),
            Err(faults) => failed.push(format!("{name}: {}\n  {}", scenario.title, faults.join("\n  "))),
        }
    }
    println!("{played} played, left to the cluster:\n{}", left.join("\n"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(played > 10 * left.len(), "{played} were played, and {} were not", left.len());
}
