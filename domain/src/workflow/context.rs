//! What a workflow is checked against: the other objects of its namespace, and its plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::shapes;
use crate::image::ImagePolicy;

/// Other objects in the namespace of a workflow, and limits of its plan. What is not known (`None`) is not
/// checked: the runner knows none, since the operator has validated the workflow before.
#[derive(Clone, Debug, Default)]
pub struct ValidationContext {
    /// Name of the workflow itself, to detect sub-workflows that run it again.
    pub own_name: Option<String>,
    /// Secrets that the workflow names, by their name; those that do not exist are absent.
    pub secrets: Option<BTreeMap<String, ReferencedSecret>>,
    /// Workflows of the namespace, by their name; those that do not exist are absent.
    pub workflows: Option<BTreeMap<String, ReferencedWorkflow>>,
    /// Images that steps may use.
    pub images: Option<ImagePolicy>,
    /// Shortest interval between two runs of a schedule that the plan allows.
    pub min_schedule_interval: Option<Duration>,
    /// Check of the code of Python steps.
    pub code: CodeCheck,
}

/// Check of the code of Python steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeCheck {
    /// The code was checked before, or is checked by Python when it is executed.
    #[default]
    Skip,
    /// The code is parsed.
    Parse,
}

/// Properties of a Secret that validation needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencedSecret {
    /// Whether the Secret has the label `smbcopilot.dev/workflow-secret=true`.
    pub labelled: bool,
    /// Type of the Secret; empty for the default, `Opaque`.
    pub kind: String,
    /// Keys of its data.
    pub keys: BTreeSet<String>,
}

/// Properties of another workflow that validation needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferencedWorkflow {
    /// `spec.input.schema`.
    pub input: Option<Value>,
    /// Shape of the output of its runs, as a JSON Schema; `None` if it is not known.
    pub output: Option<Value>,
    /// Names of the workflows that its steps and `onExit` steps run.
    pub calls: BTreeSet<String>,
}

impl ReferencedWorkflow {
    /// Returns the properties of a workflow with this spec.
    #[must_use]
    pub fn from_spec(spec: &crds::WorkflowSpec) -> Self {
        let steps = spec.steps.iter().chain(&spec.on_exit);
        Self {
            input: spec.input.as_ref().and_then(|input| input.schema.clone()),
            output: Some(shapes::of_workflow(spec)),
            calls: steps
                .filter_map(|step| step.workflow.as_ref())
                .map(|action| action.name.clone())
                .collect(),
        }
    }
}
