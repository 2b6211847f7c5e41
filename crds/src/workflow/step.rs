//! A step: what it needs, what it does, and what becomes of failures.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, ApprovalAction, ContainerAction, ExprAction, HttpAction, PythonAction, Retry, SearchAction,
    SubWorkflowAction, WaitAction,
};
use crate::{Duration, schema};

/// A step. Exactly one of `http`, `python`, `container`, `workflow`, `approval`, `wait`, `search` and `expr` says what it does.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.http), has(self.python), has(self.container), has(self.workflow), has(self.approval), has(self.wait), has(self.search), has(self.expr)].filter(a, a).size() == 1").message("a step does exactly one thing: give one of http, python, container, workflow, approval, wait, search and expr"))]
#[x_kube(validation = Rule::new("!has(self.needs) || !(self.name in self.needs)").message("a step cannot need itself: take its own name out of needs"))]
pub struct Step {
    /// Its name, unique in the workflow; a lower-case DNS label of at most 40 characters.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("a step's name is made of lower-case letters, digits and dashes; begin with a letter, end with a letter or digit"))]
    pub name: String,
    /// Steps that must have ended before this one starts, at most 16.
    #[schemars(length(max = 16), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// An expression; where it is false the step is skipped. At most 4 KiB.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Templates of the step's input.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
    /// Runs the step once for each item of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// What becomes of an attempt that failed. Default: 3 attempts for `Infra`, one for the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long all attempts together may take. Default: the run's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long one attempt may take. Default: the step's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Duration>,
    /// The type of the step's input, checked after templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<ValueType>,
    /// The type of the step's output, checked before dependents start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ValueType>,
    /// Whether the run goes on when this step has failed. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
    /// Calls an HTTP endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAction>,
    /// Runs a Python function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonAction>,
    /// Runs a command in any image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerAction>,
    /// Runs another workflow of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<SubWorkflowAction>,
    /// Waits for a person's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalAction>,
    /// Waits for a duration or until a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitAction>,
    /// Searches the tenant's knowledge base by meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchAction>,
    /// Evaluates templates alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<ExprAction>,
}

impl Step {
    /// What the step does; `None` where it is nothing or several things: an object that never passed the API server.
    #[must_use]
    pub fn action(&self) -> Option<Action<'_>> {
        let Self { http, python, container, workflow, approval, wait, search, expr, .. } = self;
        let all = [
            http.as_ref().map(Action::Http),
            python.as_ref().map(Action::Python),
            container.as_ref().map(Action::Container),
            workflow.as_ref().map(Action::Workflow),
            approval.as_ref().map(Action::Approval),
            wait.as_ref().map(Action::Wait),
            search.as_ref().map(Action::Search),
            expr.as_ref().map(Action::Expr),
        ];
        let mut given = all.into_iter().flatten();
        let first = given.next()?;
        given.next().is_none().then_some(first)
    }
}

/// Runs a step once for each item of a list.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ForEach {
    /// A template that gives a list of at most 1,000 items; the step sees `item` and `index`.
    #[schemars(schema_with = "schema::free")]
    pub items: Value,
    /// How many at one time; 1 to 100. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Whether the others go on when one has failed. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
}

/// A type.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ValueType {
    /// JSON Schema 2020-12; no `$ref` to elsewhere. All schemas of a workflow together: at most 64 KiB.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a step that does two things one is done, and nobody knows which.
    #[test]
    fn a_step_has_an_action_only_if_it_has_one() {
        let one = Step { expr: Some(ExprAction { value: Value::from(1) }), ..Step::default() };
        assert!(matches!(one.action(), Some(Action::Expr(_))));
        let two = Step { wait: Some(WaitAction::default()), ..one };
        assert!(two.action().is_none());
        assert!(Step::default().action().is_none());
    }
}
