//! The steps of a workflow.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, ApprovalAction, ContainerAction, ExprAction, HttpAction, PythonAction, Retry, SearchAction,
    SubWorkflowAction, WaitAction,
};
use crate::{Duration, schema};

/// Step of a workflow. Exactly one of `http`, `python`, `container`, `workflow`, `approval`, `wait`, `search` and `expr` must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.http), has(self.python), has(self.container), has(self.workflow), has(self.approval), has(self.wait), has(self.search), has(self.expr)].filter(a, a).size() == 1").message("a step must have exactly one of http, python, container, workflow, approval, wait, search and expr"))]
#[x_kube(validation = Rule::new("!has(self.needs) || !(self.name in self.needs)").message("a step must not contain its own name in needs"))]
pub struct Step {
    /// Name of the step, unique within the workflow; a lower-case DNS label of at most 40 characters that begins with a letter.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("name of a step must consist of lower-case letters, digits and hyphens, start with a letter and end with a letter or digit"))]
    pub name: String,
    /// Names of the steps that must finish before this step starts; at most 16. If one of them fails, this step starts only if that one has `continueOnError`. A skipped step counts as finished. Default: none; the step starts immediately.
    #[schemars(length(max = 16), inner(length(min = 1, max = 40)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Expression that tells whether the step is executed. If false, the step is skipped. At most 4 KiB. Default: true.
    #[schemars(length(min = 1, max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Input of the step. Strings are templates. Default: `{}`.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
    /// Executes the step once for each item of a list. Default: the step is executed once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// Retry policy. Default: 3 attempts for `Infra` errors, no retry for other errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Maximum duration of all attempts together (`STEP_TIMEOUT`). Default: no limit other than the run's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Maximum duration of one attempt (`ATTEMPT_TIMEOUT`). Default: no limit other than the step's timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Duration>,
    /// JSON Schema of the step's input, checked after templates are evaluated (`INPUT_INVALID`). Default: any value is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<ValueType>,
    /// JSON Schema of the step's output, checked before dependent steps start (`OUTPUT_INVALID`). Default: any value is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ValueType>,
    /// Whether the run continues if the step fails. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
    /// Sends an HTTP request. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAction>,
    /// Calls a Python function. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonAction>,
    /// Runs a command in a container image. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerAction>,
    /// Runs another workflow of the same namespace as a sub-run. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<SubWorkflowAction>,
    /// Suspends the run until a user approves or rejects. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalAction>,
    /// Waits for a duration or until a time. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitAction>,
    /// Searches the tenant's knowledge base. Not available in this version (`NotAvailable`). A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchAction>,
    /// Evaluates templates. A step has exactly one of the eight actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expr: Option<ExprAction>,
}

impl Step {
    /// Returns the action of the step, or `None` if it has no action or several. The API server rejects such steps.
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
        let mut actions = all.into_iter().flatten();
        let first = actions.next()?;
        actions.next().is_none().then_some(first)
    }
}

/// Execution of a step once for each item of a list. The output of the step is the list of the items' outputs in the order of the items.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ForEach {
    /// List, or a template that evaluates to a list, of at most 1,000 items (`TOO_MANY_ITEMS`). The step's templates can read `item` and `index`.
    #[schemars(schema_with = "schema::free")]
    pub items: Value,
    /// Name of an item in messages, failures and logs: a template with at most 256 characters, whose expressions can read `item` and `index`, such as `item.customer`. Only the first 64 characters of the name are shown. An item whose name cannot be evaluated has none. Default: none, only the index.
    #[schemars(length(min = 1, max = 256))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Maximum number of items that run at the same time; 1 to 100. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// Whether further items start after an item has failed. If true, the output of a failed item is `null`. If false, the step fails. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_on_error: Option<bool>,
}

/// Type of a value, as a JSON Schema.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct ValueType {
    /// JSON Schema (2020-12) without references to other documents (`SchemaReference`). All schemas of a workflow may have 64 KiB in total (`SchemasTooLarge`). Default: any value is valid.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step has an action only if exactly one is set.
    #[test]
    fn a_step_has_an_action_only_if_exactly_one_is_set() {
        let one = Step { expr: Some(ExprAction { value: Value::from(1) }), ..Step::default() };
        assert!(matches!(one.action(), Some(Action::Expr(_))));
        let two = Step { wait: Some(WaitAction::default()), ..one };
        assert!(two.action().is_none());
        assert!(Step::default().action().is_none());
    }
}
