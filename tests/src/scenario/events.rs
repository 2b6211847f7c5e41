//! Executes the events of a scenario one after the other.

use anyhow::{Context as _, bail};
use crds::{Workflow, WorkflowRun, run::Decision};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    context::ScenarioContext,
    format::{Action, CancelRun, Condition, DecisionOn, Event, MAIN, Target},
    harness::DEADLINE,
    recorder,
    tenant::user_with_role,
};
use crate::{cluster, wait};

impl ScenarioContext<'_> {
    /// Waits for the condition of an event and executes its action.
    ///
    /// # Errors
    /// Returns an error if the condition does not become true, if the action fails, or if it succeeds although it must be
    /// refused.
    pub(super) async fn execute(&self, event: &Event) -> anyhow::Result<()> {
        self.wait_for(&event.when).await?;
        let result = self.perform(&event.action).await;
        match (&event.refused, result) {
            (None, result) => result.with_context(|| format!("failed to execute {:?}", event.action)),
            (Some(_), Ok(())) => bail!("{:?} was not refused", event.action),
            (Some(part), Err(error)) => {
                let error = format!("{error:#}");
                anyhow::ensure!(
                    error.contains(part),
                    "refused with {error:?}, which does not contain {part:?}"
                );
                Ok(())
            }
        }
    }

    async fn wait_for(&self, when: &Condition) -> anyhow::Result<()> {
        let Condition { run, run_phase, step, phase, attempt, items, decision_refused, queued, called } =
            when;
        if run_phase.is_some() || step.is_some() || queued.is_some() {
            let condition = |run: &WorkflowRun| {
                let status = run.status.clone().unwrap_or_default();
                let reason = status.queue.as_ref().map(|queue| &queue.reason);
                let step_matches = step.as_ref().is_none_or(|name| {
                    status.steps.iter().find(|step| step.name == *name).is_some_and(|step| {
                        let done = step.items.as_ref().map_or(0, |items| items.succeeded + items.failed);
                        phase.is_none_or(|phase| phase == step.phase)
                            && attempt.is_none_or(|attempt| Some(attempt) == step.attempt)
                            && items.is_none_or(|items| done >= items)
                            && (!decision_refused
                                || step.waiting.as_ref().is_some_and(|waiting| waiting.refused.is_some()))
                    })
                });
                run_phase.is_none_or(|phase| Some(phase) == status.phase)
                    && queued.as_ref().is_none_or(|queued| Some(queued) == reason)
                    && step_matches
            };
            self.wait_until(run.as_deref().unwrap_or(MAIN), &format!("{when:?}"), DEADLINE, condition)
                .await?;
        }
        if let Some(path) = called {
            let observe = async || recorder::received(&self.harness.client, &self.id).await;
            let is_called = |calls: &Vec<recorder::Received>| calls.iter().any(|call| call.path == *path);
            wait::until(&format!("{path} is called"), DEADLINE, observe, is_called).await?;
        }
        Ok(())
    }

    async fn perform(&self, action: &Action) -> anyhow::Result<()> {
        match action {
            Action::Nothing => Ok(()),
            Action::KillRunner => self.kill_runner().await,
            Action::DeletePod => self.delete_pod().await,
            Action::Cancel(CancelRun { run, how }) => {
                let patch = json!({"spec": {"cancel": how}});
                self.patch(&self.runs(), run.as_deref().unwrap_or(MAIN), &patch).await
            }
            Action::Decide(decision) => self.decide(decision).await,
            Action::Start(run) => self.start(run).await,
            Action::Edit(spec) => self.apply_workflow(MAIN, spec).await,
            Action::Delete(target) => self.delete(target).await,
            Action::Secret(update) => self.apply_secret(&update.name, &update.data, true).await,
        }
    }

    async fn decide(&self, on: &DecisionOn) -> anyhow::Result<()> {
        let decider = user_with_role(on.role.as_deref().unwrap_or("admin"));
        let client = cluster::client_as(&decider, &["system:authenticated"]).await?;
        let decision = Decision {
            key: on.key.clone(),
            approved: on.approved,
            input: on.input.clone(),
            by: Some(decider),
        };
        let mut decisions = self.run(MAIN).map(|run| run.spec.decisions).unwrap_or_default();
        // A refused decision is replaced.
        decisions.retain(|earlier| earlier.key != decision.key);
        decisions.push(decision);
        let runs = Api::namespaced(client, &self.namespace);
        self.patch(&runs, MAIN, &json!({"spec": {"decisions": decisions}})).await
    }

    async fn patch(&self, runs: &Api<WorkflowRun>, called: &str, patch: &Value) -> anyhow::Result<()> {
        runs.patch(&self.name(called), &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn delete(&self, target: &Target) -> anyhow::Result<()> {
        let client: Client = self.harness.client.clone();
        let (params, namespace) = (DeleteParams::default(), &self.namespace);
        match target {
            Target::Secret(name) => {
                Api::<Secret>::namespaced(client, namespace).delete(&self.name(name), &params).await?;
            }
            Target::Run(name) => {
                Api::<WorkflowRun>::namespaced(client, namespace).delete(&self.name(name), &params).await?;
            }
            Target::Workflow(name) => {
                Api::<Workflow>::namespaced(client, namespace).delete(&self.name(name), &params).await?;
            }
        }
        Ok(())
    }
}
