//! A scenario's own objects: names of their own for what its file names, and what is done with them.

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
    world::{DEADLINE, World},
};
use crate::wait;

const MANAGER: &str = "scenarios";

/// Where a scenario plays.
pub(super) struct Stage<'a> {
    pub(super) world: &'a World,
    pub(super) scenario: &'a Scenario,
    /// What its objects' names begin with.
    pub(super) id: String,
    pub(super) namespace: String,
}

impl Stage<'_> {
    /// Creates the secrets and the workflows.
    pub(super) async fn set(&self) -> anyhow::Result<()> {
        for (name, file) in &self.scenario.secrets {
            self.put_secret(name, &file.data, file.labelled).await?;
        }
        for (name, spec) in &self.scenario.workflows {
            self.put_workflow(name, spec).await?;
        }
        self.put_workflow(MAIN, &self.scenario.workflow).await
    }

    /// The object's name for what the file calls so.
    pub(super) fn name(&self, called: &str) -> String {
        format!("{}-{called}", self.id)
    }

    pub(super) fn runs(&self) -> Api<WorkflowRun> {
        self.world.api(&self.namespace)
    }

    /// A run as the watch saw it last.
    pub(super) fn run(&self, called: &str) -> Option<WorkflowRun> {
        self.world.run(&self.namespace, &self.name(called))
    }

    /// Applies a workflow, and waits until the operator has seen it.
    pub(super) async fn put_workflow(&self, called: &str, spec: &Value) -> anyhow::Result<()> {
        let (name, spec) = (self.name(called), self.renamed(spec));
        let workflow = json!({"apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Workflow",
                              "metadata": {"name": name}, "spec": spec});
        let workflows: Api<Workflow> = self.world.api(&self.namespace);
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        let applied = workflows.patch(&name, &params, &Patch::Apply(workflow)).await?;
        let generation = applied.metadata.generation;
        let look = async || Ok(self.workflow(called));
        let is_seen = |workflow: &Option<Workflow>| {
            let status = workflow.as_ref().and_then(|workflow| workflow.status.as_ref());
            status.is_some_and(|status| status.observed_generation >= generation)
        };
        wait::until(&format!("workflow {called} is seen by the operator"), DEADLINE, look, is_seen).await?;
        Ok(())
    }

    /// A workflow as the watch saw it last.
    pub(super) fn workflow(&self, called: &str) -> Option<Workflow> {
        let reference = kube::runtime::reflector::ObjectRef::new(&self.name(called)).within(&self.namespace);
        self.world.workflows.get(&reference).map(|workflow| (*workflow).clone())
    }

    /// Creates a Secret, or replaces it.
    pub(super) async fn put_secret(
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
        let secrets: Api<Secret> = self.world.api(&self.namespace);
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
        self.runs().create(&PostParams::default(), &WorkflowRun::new(&self.name(&run.name), spec)).await?;
        Ok(())
    }

    /// Waits until a run is as described. Errors: it has ended and is not, or the deadline has passed.
    pub(super) async fn until(
        &self,
        called: &str,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&WorkflowRun) -> bool,
    ) -> anyhow::Result<WorkflowRun> {
        let look = async || Ok(self.run(called));
        let ends = |run: &WorkflowRun| {
            run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
        };
        let decided = |run: &Option<WorkflowRun>| run.as_ref().is_some_and(|run| holds(run) || ends(run));
        let seen = wait::until(&format!("run {called}: {what}"), deadline, look, decided).await?;
        let seen = seen.with_context(|| format!("no run {called}"))?;
        anyhow::ensure!(holds(&seen), "run {called} has ended without {what}");
        Ok(seen)
    }

    /// The spec with the objects' names in it.
    fn renamed(&self, spec: &Value) -> Value {
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

    fn rename(&self, place: Option<&mut Value>, is_ours: impl Fn(&str) -> bool) {
        let Some(place) = place else { return };
        if let Value::String(name) = place
            && is_ours(name)
        {
            *name = self.name(name);
        }
    }
}
