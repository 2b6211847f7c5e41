//! The metrics that programs register: dashboards and alert rules read no others, and the values of labels come from closed sets. Each value is
//! a time series of its own, so that a tenant whose text were a label could fill the memory of the program and of Prometheus.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::source;

/// Folders with the sources of programs.
const PROGRAMS: [&str; 4] = ["api-server/src", "operator/src", "runner/src", "compute/src"];
/// Folders with dashboards, alert rules and their tests.
const READERS: [&str; 3] = ["charts/smb-copilot/alerts", "charts/smb-copilot/dashboards", "tests/alerts"];
/// Derive of the labels of a metric.
const LABELS: &str = "EncodeLabelSet)]";
/// Type of a label whose values are constants of the program.
const CONSTANT: &str = "&'static str";
/// Labels with another type, and the closed set that their values come from: the routes of the router, and the rights in the chart.
const COMPUTED_LABELS: [(&str, &str); 2] =
    [("api-server/src/http/metrics.rs", "route"), ("operator/src/metrics.rs", "right")];
/// Prefix of all metrics.
const PREFIX: &str = "smb_";
/// What the text format adds to the name of a metric.
const SUFFIXES: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// Returns one line for each metric that a dashboard or a rule reads and that no program registers, and for each label whose values are
/// no constants.
///
/// # Errors
/// Returns an error if a file cannot be read.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let (mut registered, mut violations) = (BTreeSet::new(), Vec::new());
    for program in PROGRAMS {
        for file in source::files(&root.join(program))? {
            let (name, text) =
                (file.strip_prefix(root).unwrap_or(&file).display().to_string(), source::read(&file)?);
            registered.extend(registrations(&text));
            let open = labels(&text).filter(|(label, kind)| !is_closed(&name, label, kind));
            violations.extend(open.map(|(label, kind)| {
                format!(
                    "{name}: the label {label} has the type {kind}; its values must be constants ({CONSTANT})"
                )
            }));
        }
    }
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

/// Returns the labels of metrics that a source file declares, with their types.
fn labels(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let declarations =
        text.split(LABELS).skip(1).filter_map(|after| after.split_once('{')?.1.split_once('}'));
    let fields = declarations.flat_map(|(fields, _)| fields.lines());
    let fields = fields.map(str::trim).filter(|line| !line.starts_with("//") && !line.starts_with('#'));
    fields.filter_map(|line| line.trim_end_matches(',').split_once(": ")).map(|(name, kind)| {
        // The visibility comes before the name.
        (name.rsplit(' ').next().unwrap_or(name), kind)
    })
}

fn is_closed(file: &str, label: &str, kind: &str) -> bool {
    kind == CONSTANT || COMPUTED_LABELS.contains(&(file, label))
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

    /// The values of labels are constants, except in two places that have other closed sets.
    #[test]
    fn labels_are_constants() {
        let text = "#[derive(Clone, EncodeLabelSet)]\npub(crate) struct Labels {\n    /// A note: with a colon.\n    \
                    pub(crate) method: &'static str,\n    route: String,\n}\nstruct Other { name: String }";
        assert_eq!(labels(text).collect::<Vec<_>>(), [("method", CONSTANT), ("route", "String")]);
        assert!(is_closed("api-server/src/http/metrics.rs", "route", "String"));
        assert!(!is_closed("api-server/src/mirror/metrics.rs", "route", "String"));
    }
}
