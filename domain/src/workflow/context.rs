//! What validation knows besides the workflow itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What there is beside a workflow, in its namespace. What is not known is not checked: the runner knows nothing, since the
/// operator has checked before.
#[derive(Clone, Debug, Default)]
pub struct ValidationContext {
    /// The workflow's own name, to find sub-workflows that come back to it.
    pub own_name: Option<String>,
    /// The Secrets that the workflow names, by their name; those that are absent do not exist.
    pub secrets: Option<BTreeMap<String, ReferencedSecret>>,
    /// The other workflows, by their name; those that are absent do not exist.
    pub workflows: Option<BTreeMap<String, ReferencedWorkflow>>,
}

/// What validation needs of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencedSecret {
    /// Whether it has the label `smbcopilot.dev/workflow-secret=true`.
    pub labelled: bool,
    /// The keys of its data.
    pub keys: BTreeSet<String>,
}

/// What validation needs of another workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferencedWorkflow {
    /// `spec.input.schema`.
    pub input: Option<Value>,
    /// The workflows that its steps and `onExit` steps run.
    pub calls: BTreeSet<String>,
}

impl ReferencedWorkflow {
    /// Of a workflow.
    #[must_use]
    pub fn from_spec(spec: &crds::WorkflowSpec) -> Self {
        let steps = spec.steps.iter().chain(&spec.on_exit);
        Self {
            input: spec.input.as_ref().and_then(|input| input.schema.clone()),
            calls: steps
                .filter_map(|step| step.workflow.as_ref())
                .map(|action| action.name.clone())
                .collect(),
        }
    }
}
