//! Objects of one scenario: maps the names in its file to unique object names, and creates, changes and reads
//! the objects.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use crds::{
    Workflow, WorkflowRun,
    run::{Reuse, RunPhase, WorkflowRunSpec},
};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    format::{MAIN, Scenario, StartRun},
    harness::{DEADLINE, Harness},
};
use crate::wait;

const MANAGER: &str = "scenarios";

/// Context in which one scenario is executed.
pub(super) struct ScenarioContext<'a> {
    pub(super) harness: &'a Harness,
    pub(super) scenario: &'a Scenario,
    /// Prefix of the names of its objects.
    pub(super) id: String,
    pub(super) namespace: String,
}

impl ScenarioContext<'_> {
    /// Creates the secrets and the workflows.
    pub(super) async fn create_objects(&self) -> anyhow::Result<()> {
        for (name, file) in &self.scenario.secrets {
            self.apply_secret(name, &file.data, file.labelled).await?;
        }
        for (name, spec) in &self.scenario.workflows {
            self.apply_workflow(name, spec).await?;
        }
        self.apply_workflow(MAIN, &self.scenario.workflow).await
    }

    /// Returns the name of the object that has this name in the file.
    pub(super) fn name(&self, called: &str) -> String {
        format!("{}-{called}", self.id)
    }

    /// Returns the API for the runs of the namespace.
    pub(super) fn runs(&self) -> Api<WorkflowRun> {
        self.harness.api(&self.namespace)
    }

    /// Returns the last state of a run that the watch delivered.
    pub(super) fn run(&self, called: &str) -> Option<WorkflowRun> {
        self.harness.run(&self.namespace, &self.name(called))
    }

    /// Applies a workflow and waits until the operator has observed its generation.
    pub(super) async fn apply_workflow(&self, called: &str, spec: &Value) -> anyhow::Result<()> {
        let (name, spec) = (self.name(called), self.with_object_names(spec));
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        let workflows: Api<Workflow> = self.harness.api(&self.namespace);
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        let applied = workflows.patch(&name, &params, &Patch::Apply(workflow)).await?;
        let generation = applied.metadata.generation;
        let observe = async || Ok(self.workflow(called));
        let is_observed = |workflow: &Option<Workflow>| {
            let status = workflow.as_ref().and_then(|workflow| workflow.status.as_ref());
            status.is_some_and(|status| status.observed_generation >= generation)
        };
        wait::until(
            &format!("workflow {called} is observed by the operator"),
            DEADLINE,
            observe,
            is_observed,
        )
        .await?;
        Ok(())
    }

    /// Returns the last state of a workflow that the watch delivered.
    pub(super) fn workflow(&self, called: &str) -> Option<Workflow> {
        let reference = kube::runtime::reflector::ObjectRef::new(&self.name(called)).within(&self.namespace);
        self.harness.workflows.get(&reference).map(|workflow| (*workflow).clone())
    }

    /// Creates or replaces a Secret.
    pub(super) async fn apply_secret(
        &self,
        called: &str,
        data: &BTreeMap<String, String>,
        labelled: bool,
    ) -> anyhow::Result<()> {
        let label = labelled.then(|| (crds::labels::WORKFLOW_SECRET.to_owned(), "true".to_owned()));
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(self.name(called)),
                labels: Some(label.into_iter().collect()),
                ..ObjectMeta::default()
            },
            data: Some(
                data.iter()
                    .map(|(key, value)| (key.clone(), ByteString(value.clone().into_bytes())))
                    .collect(),
            ),
            ..Secret::default()
        };
        let secrets: Api<Secret> = self.harness.api(&self.namespace);
        secrets
            .patch(&self.name(called), &PatchParams::apply(MANAGER).force(), &Patch::Apply(secret))
            .await?;
        Ok(())
    }

    /// Starts a run.
    pub(super) async fn start(&self, run: &StartRun) -> anyhow::Result<()> {
        let workflow_ref =
            crds::run::WorkflowRef { name: self.name(run.workflow.as_deref().unwrap_or(MAIN)) };
        let reuse = run.reuse.as_ref().map(|reuse| Reuse {
            run: self.name(reuse.run.as_deref().unwrap_or(MAIN)),
            from: reuse.from.clone(),
        });
        let input = run.input.clone().or_else(|| self.scenario.input.clone());
        let spec = WorkflowRunSpec {
            workflow_ref,
            input,
            reuse,
            priority: run.priority,
            ..WorkflowRunSpec::default()
        };
        k8s_client::create(
            &self.runs(),
            &PostParams::default(),
            &WorkflowRun::new(&self.name(&run.name), spec),
        )
        .await?;
        Ok(())
    }

    /// Waits until a run satisfies a condition.
    ///
    /// # Errors
    /// Returns an error if the run ends without satisfying it, or does not satisfy it before the deadline.
    pub(super) async fn wait_until(
        &self,
        called: &str,
        what: &str,
        deadline: Duration,
        condition: impl Fn(&WorkflowRun) -> bool,
    ) -> anyhow::Result<WorkflowRun> {
        let observe = async || Ok(self.run(called));
        let has_ended = |run: &WorkflowRun| {
            run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
        };
        let decided =
            |run: &Option<WorkflowRun>| run.as_ref().is_some_and(|run| condition(run) || has_ended(run));
        let run = wait::until(&format!("run {called}: {what}"), deadline, observe, decided).await?;
        let run = run.with_context(|| format!("run {called} does not exist"))?;
        anyhow::ensure!(condition(&run), "run {called} has ended without {what}");
        Ok(run)
    }

    /// Replaces the names of the file by the names of the objects in a workflow's spec.
    fn with_object_names(&self, spec: &Value) -> Value {
        let mut spec = spec.clone();
        for list in ["steps", "onExit"] {
            for step in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                self.rename(step.pointer_mut("/workflow/name"), |name| {
                    name == MAIN || self.scenario.workflows.contains_key(name)
                });
            }
        }
        for secret in spec.get_mut("secrets").and_then(Value::as_array_mut).into_iter().flatten() {
            self.rename(secret.pointer_mut("/secretRef/name"), |_| true);
        }
        spec
    }

    fn rename(&self, field: Option<&mut Value>, is_of_scenario: impl Fn(&str) -> bool) {
        let Some(field) = field else { return };
        if let Value::String(name) = field
            && is_of_scenario(name)
        {
            *name = self.name(name);
        }
    }
}
