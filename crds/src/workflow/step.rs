//! One step of a workflow.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ApprovalAction, ContainerAction, ExprAction, HttpAction, PythonAction, Retry, SearchAction, WaitAction,
    WorkflowAction,
};
use crate::{Duration, schema::free_object};

/// A step: when it runs, with what, and exactly one action.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.http), has(self.python), has(self.container), has(self.workflow), has(self.approval), has(self.wait), has(self.search), has(self.expr)].filter(a, a).size() == 1")
    .message("a step does exactly one thing: give one of http, python, container, workflow, approval, wait, search and expr"))]
#[x_kube(validation = Rule::new("!has(self.needs) || !(self.name in self.needs)")
    .message("a step cannot need itself: take its own name out of needs"))]
pub struct Step {
    /// Its name, by which others see its output; unique in the workflow. At most 40 letters, digits, dashes and underscores.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$')")
        .message("a step's name begins with a lower-case letter, goes on with letters, digits, dashes and underscores, and ends with a letter or digit"))]
    pub name: String,
    /// Steps that must have ended before, at most 16. Absent = it may start at once.
    #[schemars(length(max = 16), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether it runs: an expression; false skips it. At most 4096 characters. Default: true.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// JSON with templates; becomes the step's input.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
    /// Runs it once for each item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// When a failed attempt is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long all attempts together may take. Default: the run's own timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long one attempt may take. Default: the step's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Duration>,
    /// What the input must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<SchemaHolder>,
    /// What the output must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<SchemaHolder>,
    /// Whether the run goes on when the step has failed. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
    /// Calls an HTTP endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAction>,
    /// Runs Python.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonAction>,
    /// Runs a command in an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerAction>,
    /// Runs another workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowAction>,
    /// Waits for a person's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalAction>,
    /// Waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitAction>,
    /// Searches the tenant's knowledge base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchAction>,
    /// Evaluates expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<ExprAction>,
}

/// The one thing that a step does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    /// Calls an HTTP endpoint.
    Http(&'a HttpAction),
    /// Runs Python.
    Python(&'a PythonAction),
    /// Runs a command in an image.
    Container(&'a ContainerAction),
    /// Runs another workflow.
    Workflow(&'a WorkflowAction),
    /// Waits for a person's decision.
    Approval(&'a ApprovalAction),
    /// Waits for a time.
    Wait(&'a WaitAction),
    /// Searches the tenant's knowledge base.
    Search(&'a SearchAction),
    /// Evaluates expressions.
    Expr(&'a ExprAction),
}

impl Step {
    /// The step's one action; none where an object that never passed the API server has none or several.
    #[must_use]
    pub fn action(&self) -> Option<Action<'_>> {
        let actions = [
            self.http.as_ref().map(Action::Http),
            self.python.as_ref().map(Action::Python),
            self.container.as_ref().map(Action::Container),
            self.workflow.as_ref().map(Action::Workflow),
            self.approval.as_ref().map(Action::Approval),
            self.wait.as_ref().map(Action::Wait),
            self.search.as_ref().map(Action::Search),
            self.expr.as_ref().map(Action::Expr),
        ];
        let mut given = actions.into_iter().flatten();
        let first = given.next()?;
        given.next().is_none().then_some(first)
    }
}

/// Runs a step once for each item of a list.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ForEach {
    /// A template that gives a list of at most 1,000 items.
    #[schemars(length(min = 1, max = 4096))]
    pub items: String,
    /// Items at one time; 1 to 100. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Whether other items go on when one has failed. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
}

/// A JSON Schema (2020-12); all of a workflow together at most 64 KiB.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SchemaHolder {
    /// The JSON Schema.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step with two actions does only one of them, and nobody knows which.
    #[test]
    fn a_step_has_an_action_only_if_it_has_one() {
        let expr = ExprAction { value: Value::from(1) };
        let one = Step { expr: Some(expr.clone()), ..Step::default() };
        assert_eq!(one.action(), Some(Action::Expr(&expr)));
        let two = Step { wait: Some(WaitAction::default()), ..one };
        assert_eq!(two.action(), None);
        assert_eq!(Step::default().action(), None);
    }
}
