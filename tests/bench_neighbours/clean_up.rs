//! Counts and removes the objects of an attack.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context as _;
use crds::{WorkflowRun, run::RunPhase};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use serde_json::Value;
use tests::wait;

use crate::attacker::Attacker;

/// Deadline for the ends of steps that attack, which end by themselves after the duration of the attack.
const END_DEADLINE: Duration = Duration::from_secs(15);
/// Deadline for the removal of objects and pods, which includes a restart of the operator.
const CLEAN_UP_DEADLINE: Duration = Duration::from_secs(300);
/// Number of objects in one response: their inputs have up to 256 KiB each.
const PAGE_SIZE: u32 = 100;

impl Attacker {
    /// Waits for the ends of running runs, counts runs and workflows by their state, deletes all of them, waits until
    /// they and their pods are gone, and returns all answers.
    pub(super) async fn clean_up(&self) -> anyhow::Result<Vec<String>> {
        let running = ListParams::default().fields("status.phase=Running").limit(1);
        let observe = async || Ok(self.admin.runs().list(&running).await?.items.is_empty());
        // Runs that continue are counted as running.
        let _ = wait::until("no run is running", END_DEADLINE, observe, |is_idle| *is_idle).await;
        let states = self.states().await;
        for (state, count) in states.context("failed to list the runs of the attack")? {
            self.answers.add_many(&state, count);
        }
        let (runs, workflows) = (self.admin.runs(), self.admin.workflows());
        let pods: Api<Pod> = Api::namespaced(self.admin.client.clone(), &self.admin.name);
        let first = ListParams::default().limit(1);
        let observe = async || {
            // Schedules may create runs until their workflow is deleted, so both are deleted repeatedly.
            workflows.delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
            runs.delete_collection(&DeleteParams::background(), &ListParams::default()).await?;
            let are_left = !workflows.list(&first).await?.items.is_empty()
                || !runs.list(&first).await?.items.is_empty()
                || !pods.list(&first).await?.items.is_empty();
            Ok(are_left)
        };
        wait::until("objects are deleted", CLEAN_UP_DEADLINE, observe, |are_left| !are_left).await?;
        Ok(self.answers.take())
    }

    /// Returns the numbers of runs by phase and error, of workflows by problem, and the answers that steps report.
    async fn states(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut states = BTreeMap::new();
        let mut page = ListParams::default().limit(PAGE_SIZE);
        loop {
            let runs = self.admin.runs().list(&page).await?;
            for run in &runs.items {
                count_run(&mut states, run);
            }
            page.continue_token = runs.metadata.continue_.filter(|token| !token.is_empty());
            if page.continue_token.is_none() {
                break;
            }
        }
        for workflow in self.admin.workflows().list(&ListParams::default()).await? {
            let problems = workflow.status.unwrap_or_default().problems;
            let codes: BTreeSet<_> =
                problems.iter().map(|problem| format!("workflow {}", problem.code)).collect();
            for code in codes {
                *states.entry(code).or_default() += 1;
            }
        }
        Ok(states)
    }
}

fn count_run(states: &mut BTreeMap<String, u64>, run: &WorkflowRun) {
    let status = run.status.clone().unwrap_or_default();
    let phase = status.phase.unwrap_or(RunPhase::Queued);
    let code = status.error.map(|error| format!(" {}", error.code)).unwrap_or_default();
    *states.entry(format!("run {phase}{code}")).or_default() += 1;
    let reports = status.output.as_ref().and_then(|output| output.get("flood")).and_then(Value::as_object);
    for (answer, count) in reports.into_iter().flatten() {
        *states.entry(format!("step {answer}")).or_default() += count.as_u64().unwrap_or_default();
    }
}
