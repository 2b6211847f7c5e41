//! The metrics that dashboards and alert rules read. Each of them is one that a program registers.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::source;

/// Folders with the sources of programs.
const PROGRAMS: [&str; 4] = ["api-server/src", "operator/src", "runner/src", "compute/src"];
/// Folders with dashboards, alert rules and their tests.
const READERS: [&str; 3] = ["charts/smb-copilot/alerts", "charts/smb-copilot/dashboards", "tests/alerts"];
/// Prefix of all metrics.
const PREFIX: &str = "smb_";
/// What the text format adds to the name of a metric.
const SUFFIXES: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// Returns one line for each metric that a dashboard or a rule reads and that no program registers.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut registered = BTreeSet::new();
    for program in PROGRAMS {
        for file in source::files(&root.join(program))? {
            registered.extend(registrations(&source::read(&file)?));
        }
    }
    let mut violations = Vec::new();
    for folder in READERS {
        let folder = root.join(folder);
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let unknown =
                names(&source::read(&path)?).into_iter().filter(|metric| !is_known(metric, &registered));
            violations.extend(unknown.map(|metric| format!("{name}: no program has the metric {metric}")));
        }
    }
    violations.sort();
    Ok(violations)
}

fn is_known(metric: &str, registered: &BTreeSet<String>) -> bool {
    let base = SUFFIXES.iter().find_map(|suffix| metric.strip_suffix(suffix));
    registered.contains(metric) || base.is_some_and(|base| registered.contains(base))
}

/// Returns the names of the metrics that a text mentions.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with(PREFIX)).map(str::to_owned).collect()
}

/// Returns the names of the metrics that a source file registers. `register("http", |…| …)` begins a component, and
/// `register("name", …)` and `encode_descriptor("name", …)` add a metric to it.
fn registrations(text: &str) -> Vec<String> {
    let mut component = calls(text).find(|call| call.is_component).map(|call| call.name);
    let mut names = Vec::new();
    for call in calls(text) {
        match (call.is_component, component) {
            (true, _) => component = Some(call.name),
            (false, Some(component)) => names.push(format!("{PREFIX}{component}_{}", call.name)),
            (false, None) => {}
        }
    }
    names
}

/// Call with a text as its first argument.
struct Call<'a> {
    name: &'a str,
    is_component: bool,
}

fn calls(text: &str) -> impl Iterator<Item = Call<'_>> {
    ["register(", "encode_descriptor("].into_iter().flat_map(move |function| {
        text.match_indices(function).filter_map(move |(position, _)| {
            let arguments = text.get(position + function.len()..)?.trim_start();
            let (name, others) = arguments.strip_prefix('"')?.split_once('"')?;
            let next = others.trim_start_matches([',', ' ', '\n']);
            Some(Call { name, is_component: next.starts_with('|') })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of a program's metrics are those that it exposes.
    #[test]
    fn registered_metrics_are_found() {
        let text = "registry.register(\"http\", |registry| { registry.register(\n  \"request_seconds\",\n \"Help\", x); });
                    encoder.encode_descriptor(\"enforced\", help, None, kind)";
        assert_eq!(registrations(text), ["smb_http_request_seconds", "smb_http_enforced"]);
    }

    /// A misspelt metric is found, and the suffixes of the text format belong to no name.
    #[test]
    fn a_metric_that_nobody_has_is_reported() {
        let registered =
            BTreeSet::from(["smb_http_request_seconds".to_owned(), "smb_operator_losses".to_owned()]);
        let text = "rate(smb_http_request_seconds_bucket{le=\"1\"}[5m]) + smb_operator_losses_total + smb_operator_lost";
        let unknown: Vec<_> = names(text).into_iter().filter(|name| !is_known(name, &registered)).collect();
        assert_eq!(unknown, ["smb_operator_lost"]);
    }
}
