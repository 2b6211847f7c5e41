//! What an expression at a certain place may read.

use super::graph::Graph;
use crate::expr::References;

/// The roots that every expression may read.
const EVERYWHERE: &[&str] = &["input", "run", "tenant", "workflow"];
/// What can be read of a step.
const STEP_FIELDS: &[&str] = &["output", "phase", "error"];

/// A place, by what can be read there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    everywhere: &'a [&'a str],
    graph: &'a Graph,
    steps: Steps<'a>,
    further: &'a [&'a str],
    secrets: bool,
}

#[derive(Clone, Copy, Debug)]
enum Steps<'a> {
    /// Before any step.
    None,
    /// Those before this one.
    Before(&'a str),
    /// All, as in the run's output.
    All,
}

impl<'a> Scope<'a> {
    /// Before the run is admitted: only its input exists.
    pub(super) fn of_input(graph: &'a Graph) -> Self {
        Self { everywhere: &["input"], graph, steps: Steps::None, further: &[], secrets: false }
    }

    /// In a step.
    pub(super) fn of_step(graph: &'a Graph, step: &'a str) -> Self {
        Self { everywhere: EVERYWHERE, graph, steps: Steps::Before(step), further: &[], secrets: false }
    }

    /// After all steps.
    pub(super) fn after_all(graph: &'a Graph) -> Self {
        Self { everywhere: EVERYWHERE, graph, steps: Steps::All, further: &[], secrets: false }
    }

    /// The same place with further variables.
    pub(super) fn with(self, further: &'a [&'a str]) -> Self {
        Self { further, ..self }
    }

    /// The same place, where secrets may be read.
    pub(super) fn with_secrets(self) -> Self {
        Self { secrets: true, ..self }
    }

    /// What is read there but must not be, as codes and messages.
    pub(super) fn faults(&self, references: &References) -> Vec<(&'static str, String)> {
        let mut faults: Vec<_> = references.roots.keys().filter_map(|root| self.root_fault(root)).collect();
        for (step, fields) in &references.steps {
            faults.extend(self.step_fault(step));
            faults.extend(fields.iter().filter_map(|field| field_fault(step, field)));
        }
        faults
    }

    fn root_fault(&self, root: &str) -> Option<(&'static str, String)> {
        if self.everywhere.contains(&root) || self.further.contains(&root) || root == "steps" {
            return None;
        }
        Some(match root {
            "secrets" if self.secrets => {
                ("NotAvailable", "secrets are not available in this version".to_owned())
            }
            "secrets" => (
                "SecretNotAllowed",
                "secrets can be read only in http.headers, http.auth, container.env and python.env"
                    .to_owned(),
            ),
            "item" | "index" => ("UnknownVariable", format!("`{root}` exists only in a step with forEach")),
            "outcome" => ("UnknownVariable", "`outcome` exists only in onExit".to_owned()),
            _ => ("UnknownVariable", self.unknown(root)),
        })
    }

    /// `steps.fetch-prices` is read by CEL as a subtraction: the likely cause is named.
    fn unknown(&self, root: &str) -> String {
        let steps = if matches!(self.steps, Steps::None) { None } else { Some("steps") };
        let known: Vec<&str> = self.everywhere.iter().chain(self.further).copied().chain(steps).collect();
        let hint = self
            .graph
            .names()
            .find(|name| name.ends_with(&format!("-{root}")))
            .map(|name| format!("; for the step {name} write steps[\"{name}\"]"))
            .unwrap_or_default();
        format!("there is no variable `{root}` here, only {}{hint}", known.join(", "))
    }

    fn step_fault(&self, step: &str) -> Option<(&'static str, String)> {
        if matches!(self.steps, Steps::None) {
            return Some(("NotUpstream", format!("no step has run here: {step} cannot be read")));
        }
        if !self.graph.contains(step) {
            let hint = self
                .graph
                .names()
                .find(|name| name.starts_with(&format!("{step}-")))
                .map(|name| format!("; for the step {name} write steps[\"{name}\"]"))
                .unwrap_or_default();
            return Some(("UnknownStep", format!("there is no step {step}{hint}")));
        }
        match self.steps {
            Steps::All | Steps::None => None,
            Steps::Before(this) if self.graph.upstream(this).is_some_and(|before| before.contains(step)) => {
                None
            }
            Steps::Before(this) if this == step => Some((
                "NotUpstream",
                format!("step {step} cannot read itself: it has not ended when this is read"),
            )),
            Steps::Before(this) => Some((
                "NotUpstream",
                format!(
                    "step {step} need not have ended when {this} starts: name it in needs of {this} or of a step before it"
                ),
            )),
        }
    }
}

fn field_fault(step: &str, field: &str) -> Option<(&'static str, String)> {
    match field {
        known if STEP_FIELDS.contains(&known) => None,
        "items" => Some(("NotAvailable", format!("steps.{step}.items is not available in this version"))),
        _ => Some(("UnknownField", format!("a step has no `{field}`, only {}", STEP_FIELDS.join(", ")))),
    }
}
