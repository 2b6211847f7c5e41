//! Scopes: the variables, steps and secrets that an expression may read at its place in the workflow.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::graph::Graph;
use super::types::Types;
use crate::expr::{References, Segment};
use crate::spelling::{list, similar};

/// Variables that every expression of a run may read.
const RUN_VARIABLES: &[&str] = &["input", "run", "tenant", "workflow"];
/// Fields of a step that can be read; a step with `forEach` also has `items`.
const STEP_FIELDS: &[&str] = &["output", "phase", "error"];

/// Names that the expressions of a workflow may refer to.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// Graph of the steps.
    pub(super) graph: &'a Graph,
    /// Graph of the `onExit` steps.
    pub(super) exit_graph: &'a Graph,
    /// Names in `spec.secrets`.
    pub(super) secrets: BTreeSet<&'a str>,
    /// Steps with `forEach`.
    pub(super) for_each_steps: BTreeSet<&'a str>,
    /// Declared types of inputs and outputs.
    pub(super) types: Types<'a>,
    /// Keys of each existing Secret, by its name in `spec.secrets`; `None` if the Secrets are not known.
    pub(super) keys: Option<BTreeMap<&'a str, &'a BTreeSet<String>>>,
}

/// A place in the workflow, described by the names that an expression may read there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    names: &'a Names<'a>,
    /// Variables of the run.
    variables: &'a [&'a str],
    steps: ReadableSteps<'a>,
    /// Variables of the field, such as `error` in `retry.when`.
    extra_variables: &'a [&'a str],
    /// Whether `secrets` may be read.
    secrets: bool,
    /// Whether `outcome` may be read.
    outcome: bool,
    /// `item` and `index`, if the step has a `forEach`.
    item: Option<Item<'a>>,
}

/// The variable `item`, with its schema if that is known.
#[derive(Clone, Copy, Debug)]
struct Item<'a>(Option<&'a Value>);

/// Steps that an expression may read.
#[derive(Clone, Copy, Debug)]
enum ReadableSteps<'a> {
    /// No step.
    None,
    /// The dependencies of this step.
    UpstreamOf(&'a str),
    /// All steps, and those `onExit` steps that are dependencies of this one.
    AllAndUpstreamOf(&'a str),
    /// All steps but no `onExit` step, as in the output of the run.
    All,
}

impl<'a> Scope<'a> {
    fn new(names: &'a Names<'a>, steps: ReadableSteps<'a>) -> Self {
        Self {
            names,
            variables: RUN_VARIABLES,
            steps,
            extra_variables: &[],
            secrets: false,
            outcome: false,
            item: None,
        }
    }

    /// Returns the scope of `concurrency.key`, which is evaluated before the run is admitted: only the input
    /// exists.
    pub(super) fn of_input(names: &'a Names<'a>) -> Self {
        Self { variables: &["input"], ..Self::new(names, ReadableSteps::None) }
    }

    /// Returns the scope of a step.
    pub(super) fn of_step(names: &'a Names<'a>, step: &'a str) -> Self {
        Self::new(names, ReadableSteps::UpstreamOf(step))
    }

    /// Returns the scope of an `onExit` step.
    pub(super) fn of_exit(names: &'a Names<'a>, step: &'a str) -> Self {
        Self { outcome: true, ..Self::new(names, ReadableSteps::AllAndUpstreamOf(step)) }
    }

    /// Returns the scope of the output of the run, which is evaluated after all steps.
    pub(super) fn after_all(names: &'a Names<'a>) -> Self {
        Self::new(names, ReadableSteps::All)
    }

    /// Returns the scope of `http.success`: the variables of the response and those of the run, but no steps
    /// or items.
    pub(super) fn of_response(self, extra_variables: &'a [&'a str]) -> Self {
        Self { steps: ReadableSteps::None, extra_variables, item: None, outcome: false, ..self }
    }

    /// Returns this scope with additional variables.
    pub(super) fn with_variables(self, extra_variables: &'a [&'a str]) -> Self {
        Self { extra_variables, ..self }
    }

    /// Returns this scope with `item` and `index`; `item` is the schema of an item, if it is known.
    pub(super) fn with_item(self, item: Option<&'a Value>) -> Self {
        Self { item: Some(Item(item)), ..self }
    }

    /// Returns this scope with `secrets`.
    pub(super) fn with_secrets(self) -> Self {
        Self { secrets: true, ..self }
    }

    /// Returns codes and messages of the references that this scope does not allow.
    pub(super) fn violations(&self, references: &References) -> Vec<(&'static str, String)> {
        let mut found: Vec<_> =
            references.roots.keys().filter_map(|root| self.variable_violation(root)).collect();
        for (step, fields) in &references.steps {
            found.extend(self.step_violation(step));
            found.extend(fields.iter().filter_map(|field| self.field_violation(step, field)));
        }
        if self.secrets {
            found.extend(
                references.secrets.iter().flat_map(|(name, keys)| self.secret_violations(name, keys)),
            );
        }
        if found.is_empty() {
            let item = self.item.and_then(|Item(schema)| schema);
            let mismatches = references.paths.iter().filter_map(|path| self.names.types.mismatch(path, item));
            found.extend(mismatches.map(|message| ("TypeMismatch", message)));
        }
        found
    }

    /// Returns the schema of the value at a path; `None` if it is not known.
    pub(super) fn schema(&self, path: &[Segment]) -> Option<&'a Value> {
        self.names.types.schema(path)
    }

    fn variable_violation(&self, root: &str) -> Option<(&'static str, String)> {
        let is_known = self.variables.contains(&root)
            || self.extra_variables.contains(&root)
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
                format!(
                    "`{root}` is available only in a step with forEach, except in its when and forEach.items"
                ),
            ),
            "outcome" => ("UnknownVariable", "`outcome` is available only in onExit steps".to_owned()),
            _ => ("UnknownVariable", self.unknown_variable(root)),
        })
    }

    /// Returns the message for an unknown variable. CEL parses `steps.fetch-prices` as a subtraction, so the
    /// message suggests the step whose name ends with the variable.
    fn unknown_variable(&self, root: &str) -> String {
        let steps = if matches!(self.steps, ReadableSteps::None) { None } else { Some("steps") };
        let item: &[&str] = if self.item.is_some() { &["item", "index"] } else { &[] };
        let outcome = self.outcome.then_some("outcome");
        let known: Vec<&str> = self
            .variables
            .iter()
            .chain(self.extra_variables)
            .chain(item)
            .copied()
            .chain(steps)
            .chain(outcome)
            .collect();
        let hint = self
            .step_names()
            .find(|name| name.ends_with(&format!("-{root}")))
            .map(|name| format!("; to read step {name}, write steps[\"{name}\"]"))
            .or_else(|| {
                similar(root, known.iter().copied()).map(|meant| format!("; did you mean `{meant}`?"))
            })
            .unwrap_or_default();
        format!("undefined variable `{root}`; available here: {}{hint}", known.join(", "))
    }

    fn step_names(&self) -> impl Iterator<Item = &'a str> {
        self.names.graph.names().chain(self.names.exit_graph.names())
    }

    /// Returns code and message if a step is none that can end while the step of this scope runs.
    pub(super) fn violation_of_concurrent(&self, step: &str) -> Option<(&'static str, String)> {
        let (graph, reader) = match self.steps {
            ReadableSteps::UpstreamOf(reader) => (self.names.graph, reader),
            ReadableSteps::AllAndUpstreamOf(reader) => (self.names.exit_graph, reader),
            ReadableSteps::None | ReadableSteps::All => return None,
        };
        if !graph.contains(step) {
            return Some(("UnknownStep", format!("step {step} not found")));
        }
        let is_later =
            step == reader || graph.upstream(step).is_some_and(|upstream| upstream.contains(reader));
        let message =
            || format!("step {step} starts only after {reader} has ended: name a step that runs beside it");
        is_later.then(|| ("WaitInvalid", message()))
    }

    fn step_violation(&self, step: &str) -> Option<(&'static str, String)> {
        if matches!(self.steps, ReadableSteps::None) {
            return Some((
                "NotUpstream",
                format!("step {step} cannot be read here: this field has no access to steps"),
            ));
        }
        let (is_main, is_exit) = (self.names.graph.contains(step), self.names.exit_graph.contains(step));
        if !is_main && !is_exit {
            let hyphenated = self.step_names().find(|name| name.starts_with(&format!("{step}-")));
            let hint = match (hyphenated, similar(step, self.step_names())) {
                (Some(name), _) => format!("to read step {name}, write steps[\"{name}\"]"),
                (None, Some(meant)) => format!("did you mean {meant}?"),
                (None, None) => format!("the steps are {}", list(self.step_names())),
            };
            return Some(("UnknownStep", format!("step {step} does not exist; {hint}")));
        }
        let (graph, reader) = match self.steps {
            ReadableSteps::None => return None,
            ReadableSteps::All | ReadableSteps::AllAndUpstreamOf(_) if is_main => return None,
            ReadableSteps::All | ReadableSteps::UpstreamOf(_) if is_exit => {
                let message = format!(
                    "step {step} cannot be read here: onExit steps run after this field is evaluated"
                );
                return Some(("NotUpstream", message));
            }
            ReadableSteps::All => return None,
            ReadableSteps::UpstreamOf(reader) => (self.names.graph, reader),
            ReadableSteps::AllAndUpstreamOf(reader) => (self.names.exit_graph, reader),
        };
        if graph.upstream(reader).is_some_and(|upstream| upstream.contains(step)) {
            return None;
        }
        let message = if reader == step {
            format!("step {step} cannot read itself: it has no output before it ends")
        } else {
            format!(
                "step {reader} reads {step} but does not depend on it: add {step} to the needs of {reader}"
            )
        };
        Some(("NotUpstream", message))
    }

    fn field_violation(&self, step: &str, field: &str) -> Option<(&'static str, String)> {
        match field {
            known if STEP_FIELDS.contains(&known) => None,
            "items" if self.names.for_each_steps.contains(step) => None,
            "items" => {
                Some(("UnknownField", format!("steps.{step}.items is not available: {step} has no forEach")))
            }
            _ => Some((
                "UnknownField",
                format!("steps have no field `{field}`: use one of {}", STEP_FIELDS.join(", ")),
            )),
        }
    }

    /// Returns codes and messages for a secret that is named outside of expressions, as in `http.tls`.
    pub(super) fn violations_of_secret(&self, name: &str, keys: &[&str]) -> Vec<(&'static str, String)> {
        self.secret_violations(name, &keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn secret_violations(&self, name: &str, keys: &BTreeSet<String>) -> Vec<(&'static str, String)> {
        if name.is_empty() {
            let message = "the secret must be named literally: write secrets.<name>.<key>";
            return vec![("DynamicSecrets", message.to_owned())];
        }
        if !self.names.secrets.contains(name) {
            let declared = || self.names.secrets.iter().copied();
            let hint = match similar(name, declared()) {
                Some(meant) => format!("did you mean {meant}?"),
                None if declared().next().is_none() => {
                    format!("add {{name: {name}, secretRef: {{name: <name of the Secret>}}}} to spec.secrets")
                }
                None => format!("declared are {}", list(declared())),
            };
            return vec![("UnknownSecret", format!("spec.secrets declares no secret {name}; {hint}"))];
        }
        // A Secret that does not exist is reported at `spec.secrets` instead.
        let Some(known) = self.names.keys.as_ref().and_then(|keys| keys.get(name)) else { return Vec::new() };
        let missing = keys.iter().filter(|key| !known.contains(*key));
        let keys =
            || if known.is_empty() { "none".to_owned() } else { list(known.iter().map(String::as_str)) };
        let message = |key: &String| format!("the Secret of {name} has no key {key}; its keys: {}", keys());
        missing.map(|key| ("MissingSecretKey", message(key))).collect()
    }
}
