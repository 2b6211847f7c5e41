//! A workflow without problems, as runs use it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crds::workflow::ConcurrencyPolicy;
use serde_json::{Value, json};

use super::graph::Graph;
use super::step::Step;
use crate::expr::{Context, EvaluateError, Program};
use crate::numbers;
use crate::schema::{Schema, Violation};
use crate::template::Template;

/// Timeout of the runs of a workflow that sets none: 1 hour.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A workflow without problems. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ValidWorkflow(Arc<Parsed>);

/// The parsed parts of a workflow.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) steps: Vec<Step>,
    pub(super) on_exit: Vec<Step>,
    /// Graph of the steps.
    pub(super) graph: Graph,
    /// Graph of the `onExit` steps.
    pub(super) exit_graph: Graph,
    pub(super) input: Option<Schema>,
    pub(super) output: Option<Template>,
    pub(super) timeout: Duration,
    pub(super) concurrency: Option<Concurrency>,
}

/// The parsed `spec.concurrency`.
#[derive(Debug)]
pub(super) struct Concurrency {
    pub(super) key: Option<Program>,
    pub(super) limit: u32,
    pub(super) policy: ConcurrencyPolicy,
}

impl ValidWorkflow {
    pub(super) fn new(parsed: Parsed) -> Self {
        Self(Arc::new(parsed))
    }

    /// Returns the steps, in the order of the spec.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// Returns the `onExit` steps, in the order of the spec.
    #[must_use]
    pub fn on_exit(&self) -> &[Step] {
        &self.0.on_exit
    }

    /// Returns the step or `onExit` step with this name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.0.steps.iter().chain(&self.0.on_exit).find(|step| step.name == name)
    }

    /// Returns the action at the concurrency limit; `Queue` for a workflow without `concurrency`.
    #[must_use]
    pub fn concurrency_policy(&self) -> ConcurrencyPolicy {
        self.0.concurrency.as_ref().map_or(ConcurrencyPolicy::Queue, |concurrency| concurrency.policy)
    }

    /// Returns the input that a run executes with: the one that it was given, an empty object if it was given none,
    /// with the defaults of the workflow's input schema.
    ///
    /// # Errors
    /// Returns the violations of the schema, each with its JSON pointer, or that of a number which was rounded.
    pub fn complete_input(&self, given: Option<Value>) -> Result<Value, Vec<Violation>> {
        let given = given.unwrap_or_else(|| json!({}));
        numbers::check(&given)?;
        match &self.0.input {
            Some(schema) => schema.complete(given),
            None => Ok(given),
        }
    }

    /// Returns the timeout of a run, counted from `status.startedAt`.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Returns the template of the run's output, if the workflow has one.
    pub(crate) fn output(&self) -> Option<&Template> {
        self.0.output.as_ref()
    }

    /// Returns the steps that no other step needs. Their outputs are the output of the run unless
    /// `spec.output` is set.
    pub(crate) fn terminal_steps(&self) -> impl Iterator<Item = &Step> {
        let needed: BTreeSet<&str> =
            self.0.steps.iter().flat_map(|step| &step.needs).map(String::as_str).collect();
        self.0.steps.iter().filter(move |step| !needed.contains(step.name.as_str()))
    }

    /// Returns all steps that have ended when this one starts: its direct and indirect dependencies. For an
    /// `onExit` step these are `onExit` steps only.
    pub(crate) fn upstream(&self, step: &str) -> Option<&BTreeSet<String>> {
        self.0.graph.upstream(step).or_else(|| self.0.exit_graph.upstream(step))
    }

    /// Returns the concurrency limit and the key of a run that executes with this input; `None` for a workflow without
    /// `concurrency`. Runs with the same key share the limit; the key is empty if all runs share it.
    ///
    /// # Errors
    /// Returns an error if the expression of the key fails on this input.
    pub fn concurrency(&self, input: &Value) -> Result<Option<(u32, String)>, EvaluateError> {
        let Some(Concurrency { key, limit, policy: _ }) = &self.0.concurrency else { return Ok(None) };
        let value = match key {
            None => String::new(),
            Some(program) => program.evaluate(&Context::new().with("input", input.clone()))?.to_string(),
        };
        Ok(Some((*limit, value)))
    }
}
