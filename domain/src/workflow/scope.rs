//! What an expression at a certain place may read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::graph::Graph;
use super::types::Types;
use crate::expr::References;

/// The roots that every expression may read.
const EVERYWHERE: &[&str] = &["input", "run", "tenant", "workflow"];
/// What can be read of a step; of one with `forEach` also `items`.
const STEP_FIELDS: &[&str] = &["output", "phase", "error"];

/// What the expressions of a workflow may refer to.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) graph: &'a Graph,
    /// That of the `onExit` steps.
    pub(super) exit: &'a Graph,
    /// `spec.secrets`.
    pub(super) secrets: BTreeSet<&'a str>,
    /// Steps with `forEach`.
    pub(super) fans: BTreeSet<&'a str>,
    pub(super) types: Types<'a>,
    /// Of each Secret that exists, by its name in `spec.secrets`, the keys; none = not known here.
    pub(super) keys: Option<BTreeMap<&'a str, &'a BTreeSet<String>>>,
}

/// A place, by what can be read there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    names: &'a Names<'a>,
    everywhere: &'a [&'a str],
    steps: Steps<'a>,
    further: &'a [&'a str],
    secrets: bool,
    outcome: bool,
    item: Option<Item<'a>>,
}

/// `item`, with its type where that is known.
#[derive(Clone, Copy, Debug)]
struct Item<'a>(Option<&'a Value>);

#[derive(Clone, Copy, Debug)]
enum Steps<'a> {
    /// Before any step.
    None,
    /// Those before this one.
    Before(&'a str),
    /// All, and of the `onExit` steps those before this one.
    AllAndBefore(&'a str),
    /// All, as in the run's output.
    All,
}

impl<'a> Scope<'a> {
    fn new(names: &'a Names<'a>, steps: Steps<'a>) -> Self {
        Self {
            names,
            everywhere: EVERYWHERE,
            steps,
            further: &[],
            secrets: false,
            outcome: false,
            item: None,
        }
    }

    /// Before the run is admitted: only its input exists.
    pub(super) fn of_input(names: &'a Names<'a>) -> Self {
        Self { everywhere: &["input"], ..Self::new(names, Steps::None) }
    }

    /// In a step.
    pub(super) fn of_step(names: &'a Names<'a>, step: &'a str) -> Self {
        Self::new(names, Steps::Before(step))
    }

    /// In an `onExit` step.
    pub(super) fn of_exit(names: &'a Names<'a>, step: &'a str) -> Self {
        Self { outcome: true, ..Self::new(names, Steps::AllAndBefore(step)) }
    }

    /// After all steps.
    pub(super) fn after_all(names: &'a Names<'a>) -> Self {
        Self::new(names, Steps::All)
    }

    /// Where an answer is judged: beside it, only what is there throughout the run.
    pub(super) fn of_answer(self, further: &'a [&'a str]) -> Self {
        Self { steps: Steps::None, further, item: None, outcome: false, ..self }
    }

    /// The same place with further variables.
    pub(super) fn with(self, further: &'a [&'a str]) -> Self {
        Self { further, ..self }
    }

    /// The same place for each item of a list; `item` is the type of one, where it is known.
    pub(super) fn with_item(self, item: Option<&'a Value>) -> Self {
        Self { item: Some(Item(item)), ..self }
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
            faults.extend(fields.iter().filter_map(|field| self.field_fault(step, field)));
        }
        if self.secrets {
            faults.extend(references.secrets.iter().flat_map(|(name, keys)| self.secret_faults(name, keys)));
        }
        if faults.is_empty() {
            let item = self.item.and_then(|Item(schema)| schema);
            let mismatches = references.paths.iter().filter_map(|path| self.names.types.mismatch(path, item));
            faults.extend(mismatches.map(|message| ("TypeMismatch", message)));
        }
        faults
    }

    /// The type of what a path reads; none where it is not known.
    pub(super) fn schema(&self, path: &[crate::expr::Segment]) -> Option<&'a Value> {
        self.names.types.schema(path)
    }

    fn root_fault(&self, root: &str) -> Option<(&'static str, String)> {
        let is_known = self.everywhere.contains(&root)
            || self.further.contains(&root)
            || root == "steps"
            || (root == "outcome" && self.outcome)
            || (matches!(root, "item" | "index") && self.item.is_some())
            || (root == "secrets" && self.secrets);
        if is_known {
            return None;
        }
        Some(match root {
            "secrets" => (
                "SecretNotAllowed",
                "secrets can be read only in http.headers, http.auth, container.env and python.env"
                    .to_owned(),
            ),
            "item" | "index" => (
                "UnknownVariable",
                format!("`{root}` exists only in a step with forEach, and not in its when"),
            ),
            "outcome" => ("UnknownVariable", "`outcome` exists only in onExit".to_owned()),
            _ => ("UnknownVariable", self.unknown(root)),
        })
    }

    /// `steps.fetch-prices` is read by CEL as a subtraction: the likely cause is named.
    fn unknown(&self, root: &str) -> String {
        let steps = if matches!(self.steps, Steps::None) { None } else { Some("steps") };
        let item: &[&str] = if self.item.is_some() { &["item", "index"] } else { &[] };
        let outcome = self.outcome.then_some("outcome");
        let known: Vec<&str> = self
            .everywhere
            .iter()
            .chain(self.further)
            .chain(item)
            .copied()
            .chain(steps)
            .chain(outcome)
            .collect();
        let hint = self
            .step_names()
            .find(|name| name.ends_with(&format!("-{root}")))
            .map(|name| format!("; for the step {name} write steps[\"{name}\"]"))
            .unwrap_or_default();
        format!("there is no variable `{root}` here, only {}{hint}", known.join(", "))
    }

    fn step_names(&self) -> impl Iterator<Item = &'a str> {
        self.names.graph.names().chain(self.names.exit.names())
    }

    fn step_fault(&self, step: &str) -> Option<(&'static str, String)> {
        if matches!(self.steps, Steps::None) {
            return Some(("NotUpstream", format!("no step can be read here, so not {step}")));
        }
        let (is_main, is_exit) = (self.names.graph.contains(step), self.names.exit.contains(step));
        if !is_main && !is_exit {
            let hint = self
                .step_names()
                .find(|name| name.starts_with(&format!("{step}-")))
                .map(|name| format!("; for the step {name} write steps[\"{name}\"]"))
                .unwrap_or_default();
            return Some(("UnknownStep", format!("there is no step {step}{hint}")));
        }
        let (graph, this) = match self.steps {
            Steps::None => return None,
            Steps::All | Steps::AllAndBefore(_) if is_main => return None,
            Steps::All | Steps::Before(_) if is_exit => {
                let message = format!("{step} is an onExit step: it runs after all that is read here");
                return Some(("NotUpstream", message));
            }
            Steps::All => return None,
            Steps::Before(this) => (self.names.graph, this),
            Steps::AllAndBefore(this) => (self.names.exit, this),
        };
        if graph.upstream(this).is_some_and(|before| before.contains(step)) {
            return None;
        }
        let message = if this == step {
            format!("step {step} cannot read itself: it has not ended when this is read")
        } else {
            format!(
                "step {step} need not have ended when {this} starts: name it in needs of {this} or of a step before it"
            )
        };
        Some(("NotUpstream", message))
    }

    fn field_fault(&self, step: &str, field: &str) -> Option<(&'static str, String)> {
        match field {
            known if STEP_FIELDS.contains(&known) => None,
            "items" if self.names.fans.contains(step) => None,
            "items" => {
                Some(("UnknownField", format!("steps.{step}.items exists only of a step with forEach")))
            }
            _ => Some(("UnknownField", format!("a step has no `{field}`, only {}", STEP_FIELDS.join(", ")))),
        }
    }

    /// What is wrong with a secret that is named outside of expressions.
    pub(super) fn faults_of_secret(&self, name: &str, keys: &[&str]) -> Vec<(&'static str, String)> {
        self.secret_faults(name, &keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn secret_faults(&self, name: &str, keys: &BTreeSet<String>) -> Vec<(&'static str, String)> {
        if name.is_empty() {
            let message = "write secrets.<name>.<key>: which secret is read must be plain to see";
            return vec![("DynamicSecrets", message.to_owned())];
        }
        if !self.names.secrets.contains(name) {
            return vec![("UnknownSecret", format!("there is no secret {name} in spec.secrets"))];
        }
        // One that is missing altogether is told of where it is named.
        let Some(known) = self.names.keys.as_ref().and_then(|keys| keys.get(name)) else { return Vec::new() };
        let missing = keys.iter().filter(|key| !known.contains(*key));
        missing.map(|key| ("MissingSecretKey", format!("the Secret of {name} has no key {key}"))).collect()
    }
}
