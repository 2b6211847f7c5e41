//! What happens in a scenario, one event after the other.

use anyhow::{Context as _, bail};
use crds::{Workflow, WorkflowRun, run::Decision};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    format::{CancelRun, DecideOn, Do, Event, MAIN, Target, When},
    recorder,
    stage::Stage,
    tenant::user,
    world::DEADLINE,
};
use crate::{cluster, wait};

impl Stage<'_> {
    /// Waits for an event's time, and does what it says. Errors: it did not come, or was (not) refused.
    pub(super) async fn happen(&self, event: &Event) -> anyhow::Result<()> {
        self.wait_for(&event.when).await?;
        let done = self.perform(&event.action).await;
        match (&event.refused, done) {
            (None, done) => done.with_context(|| format!("failed to do {:?}", event.action)),
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

    async fn wait_for(&self, when: &When) -> anyhow::Result<()> {
        let When { run, run_phase, step, phase, attempt, items, queued, called } = when;
        if run_phase.is_some() || step.is_some() || queued.is_some() {
            let holds = |run: &WorkflowRun| {
                let status = run.status.clone().unwrap_or_default();
                let reason = status.queue.as_ref().map(|queue| &queue.reason);
                let of_step = step.as_ref().is_none_or(|name| {
                    status.steps.iter().find(|step| step.name == *name).is_some_and(|step| {
                        let done = step.items.as_ref().map_or(0, |items| items.succeeded + items.failed);
                        phase.is_none_or(|phase| phase == step.phase)
                            && attempt.is_none_or(|attempt| Some(attempt) == step.attempt)
                            && items.is_none_or(|items| done >= items)
                    })
                });
                run_phase.is_none_or(|phase| Some(phase) == status.phase)
                    && queued.as_ref().is_none_or(|queued| Some(queued) == reason)
                    && of_step
            };
            self.until(run.as_deref().unwrap_or(MAIN), &format!("{when:?}"), DEADLINE, holds).await?;
        }
        if let Some(path) = called {
            let look = async || recorder::received(&self.world.client, &self.id).await;
            let is_called = |calls: &Vec<recorder::Received>| calls.iter().any(|call| call.path == *path);
            wait::until(&format!("{path} is called"), DEADLINE, look, is_called).await?;
        }
        Ok(())
    }

    async fn perform(&self, action: &Do) -> anyhow::Result<()> {
        match action {
            Do::Nothing => Ok(()),
            Do::KillRunner => self.kill_runner().await,
            Do::DeletePod => self.delete_pod().await,
            Do::Cancel(CancelRun { run, how }) => {
                let patch = json!({"spec": {"cancel": how}});
                self.patch(&self.runs(), run.as_deref().unwrap_or(MAIN), &patch).await
            }
            Do::Decide(decision) => self.decide(decision).await,
            Do::Start(run) => self.start(run).await,
            Do::Edit(spec) => self.put_workflow(MAIN, spec).await,
            Do::Delete(target) => self.delete(target).await,
            Do::Secret(update) => self.put_secret(&update.name, &update.data, true).await,
        }
    }

    async fn decide(&self, on: &DecideOn) -> anyhow::Result<()> {
        let decider = user(on.role.as_deref().unwrap_or("admin"));
        let client = cluster::client_as(&decider, &["system:authenticated"]).await?;
        let decision = Decision {
            key: on.key.clone(),
            approved: on.approved,
            input: on.input.clone(),
            by: Some(decider),
        };
        let mut decisions = self.run(MAIN).map(|run| run.spec.decisions).unwrap_or_default();
        decisions.push(decision);
        let runs = Api::namespaced(client, &self.namespace);
        self.patch(&runs, MAIN, &json!({"spec": {"decisions": decisions}})).await
    }

    async fn patch(&self, runs: &Api<WorkflowRun>, called: &str, patch: &Value) -> anyhow::Result<()> {
        runs.patch(&self.name(called), &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    async fn delete(&self, target: &Target) -> anyhow::Result<()> {
        let client: Client = self.world.client.clone();
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
