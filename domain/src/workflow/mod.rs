//! A workflow as it may be run: parsed once, with every problem found.

mod action;
mod calls;
mod context;
mod graph;
mod problems;
mod schedules;
mod scope;
mod secrets;
mod step;
mod types;
mod validate;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crds::workflow::ConcurrencyPolicy;
use serde_json::Value;

pub use action::{
    Action, Approval, Container, Http, HttpBody, HttpCredentials, HttpTls, Python, SubWorkflow, Wait,
};
pub use context::{ReferencedSecret, ReferencedWorkflow, ValidationContext};
pub use problems::Problem;
pub use step::{ForEach, Retry, Step};
pub use validate::validate;

use crate::expr::{Context, EvaluateError, Program};
use crate::schema::{Schema, Violation};
use crate::template::Template;
pub(crate) use graph::Graph;

/// How long a run may take where its workflow does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A workflow without problems. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ValidWorkflow(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    steps: Vec<Step>,
    on_exit: Vec<Step>,
    graph: Graph,
    /// That of the `onExit` steps.
    exit: Graph,
    input: Option<Schema>,
    output: Option<Template>,
    timeout: Duration,
    concurrency: Option<Concurrency>,
}

#[derive(Debug)]
struct Concurrency {
    key: Option<Program>,
    limit: u32,
    policy: ConcurrencyPolicy,
}

impl ValidWorkflow {
    /// The steps, in the order of the spec.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// The `onExit` steps, in the order of the spec.
    #[must_use]
    pub fn on_exit(&self) -> &[Step] {
        &self.0.on_exit
    }

    /// The step of that name; an `onExit` step too.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.0.steps.iter().chain(&self.0.on_exit).find(|step| step.name == name)
    }

    /// What becomes of one run too many; without `concurrency` it waits.
    #[must_use]
    pub fn concurrency_policy(&self) -> ConcurrencyPolicy {
        self.0.concurrency.as_ref().map_or(ConcurrencyPolicy::Queue, |concurrency| concurrency.policy)
    }

    /// Checks a run's input against the workflow's input schema.
    ///
    /// # Errors
    /// The violations, by JSON pointer.
    pub fn check_input(&self, input: &Value) -> Result<(), Vec<Violation>> {
        self.0.input.as_ref().map_or(Ok(()), |schema| schema.check(input))
    }

    /// How long a run may take, from `status.startedAt`.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// The template of the run's output, if the workflow has one.
    pub(crate) fn output(&self) -> Option<&Template> {
        self.0.output.as_ref()
    }

    /// The steps that no other step needs: their outputs are the run's, unless it says otherwise.
    pub(crate) fn terminal_steps(&self) -> impl Iterator<Item = &Step> {
        let needed: BTreeSet<&str> =
            self.0.steps.iter().flat_map(|step| &step.needs).map(String::as_str).collect();
        self.0.steps.iter().filter(move |step| !needed.contains(step.name.as_str()))
    }

    /// All steps of its kind, `onExit` or not, that have ended when the given one starts.
    pub(crate) fn upstream(&self, step: &str) -> Option<&BTreeSet<String>> {
        self.0.graph.upstream(step).or_else(|| self.0.exit.upstream(step))
    }

    /// How many runs with the same key may run at once, and the key of a run with this input; none without
    /// `concurrency`. The key is empty where all runs are counted together.
    ///
    /// # Errors
    /// If the key's expression fails on this input.
    pub fn concurrency(&self, input: &Value) -> Result<Option<(u32, String)>, EvaluateError> {
        let Some(Concurrency { key, limit, policy: _ }) = &self.0.concurrency else { return Ok(None) };
        let value = match key {
            None => String::new(),
            Some(program) => program.evaluate(&Context::new().with("input", input.clone()))?.to_string(),
        };
        Ok(Some((*limit, value)))
    }
}

#[cfg(test)]
mod tests;
