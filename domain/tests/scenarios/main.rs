//! Simulates the scenarios of `tests/scenarios` without a cluster: the state machine of `domain` alone, with
//! the outcomes of attempts that the file specifies.
//!
//! The simulated clock jumps to the next event. `cargo xtask test scenarios` checks everything that requires
//! a cluster.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

mod calls;
mod compare;
#[path = "../../../tests/src/scenario/format/mod.rs"]
#[allow(dead_code, unused_imports, reason = "expectations that require a cluster are parsed but not checked")]
mod format;
mod queue;
mod schedules;
mod script;
mod simulator;
mod world;

use std::path::{Path, PathBuf};

use format::Scenario;
use simulator::SimulationResult;

/// Adds the YAML files in the folder and its subfolders to `found`.
fn collect_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// Every scenario that depends only on decisions of `domain` has its expected result without a cluster. The
/// file of any other scenario names the component that makes the decisions.
#[test]
fn scenarios_hold_without_a_cluster() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let mut paths = Vec::new();
    collect_files(&root, &mut paths);
    paths.sort();
    let (mut simulated, mut excluded, mut failed) = (0, Vec::new(), Vec::new());
    for path in paths {
        let name = path.strip_prefix(&root).expect("the path is below the root").display().to_string();
        let text = std::fs::read_to_string(&path).expect("the file is readable");
        let hosts = [
            (format::SERVER, "http://server.test"),
            (format::OTHER, "http://other.test"),
            (format::SECURE, "https://server.test"),
        ];
        let text = hosts.iter().fold(text, |text, (name, host)| text.replace(name, host));
        // The value is converted by way of JSON, since serde_yaml would expect YAML tags for enums.
        let value: serde_json::Value =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scenario: Scenario =
            serde_json::from_value(value).unwrap_or_else(|error| panic!("{name}: {error}"));
        match simulator::simulate(&scenario) {
            Ok(SimulationResult::Completed) => simulated += 1,
            Ok(SimulationResult::Excluded(reason)) => excluded.push(format!("{name}: {reason}")),
            Err(differences) => {
                failed.push(format!("{name}: {}\n  {}", scenario.title, differences.join("\n  ")))
            }
        }
    }
    println!("{simulated} scenarios were simulated, others require a cluster:\n{}", excluded.join("\n"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(
        simulated > 10 * excluded.len(),
        "{simulated} scenarios were simulated, and {} were not",
        excluded.len()
    );
}
