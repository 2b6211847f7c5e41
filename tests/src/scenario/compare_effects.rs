//! Compares the effects of a scenario other than the status of its runs: requests, stored logs, further runs,
//! object sizes, and texts that must not occur anywhere.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use crds::{
    WorkflowRun,
    run::{RunPhase, TriggerKind},
};
use k8s_openapi::api::{core::v1::Pod, events::v1::Event};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, LogParams},
};
use serde_json::Value;

use super::{
    compare::Differences,
    context::ScenarioContext,
    format::{ExpectedCall, ExpectedLogLine, ExpectedRun, MAIN},
    harness::SHARED_TENANT,
    object_sizes::ObjectSizes,
    recorder::{self, Received},
};
use crate::{api::ApiClient, wait};

/// Deadline by which log lines are stored; usually it takes some tenths of a second after the end of the run.
const LOG_DEADLINE: Duration = Duration::from_secs(30);

impl ScenarioContext<'_> {
    /// Compares the requests that the recording server received.
    pub(super) async fn compare_calls(&self, differences: &mut Differences) -> anyhow::Result<()> {
        let expect = &self.scenario.expect;
        let observed = recorder::received(&self.harness.client, &self.id).await?;
        for (path, count) in &expect.call_counts {
            let calls = observed.iter().filter(|call| call.path == *path).count();
            differences.equal(&format!("calls of {path}"), Some(*count), calls);
        }
        let Some(expected) = &expect.calls else { return Ok(()) };
        let paths = |calls: &[Received]| calls.iter().map(|call| call.path.clone()).collect::<Vec<_>>();
        let expected_paths = expected.iter().map(|call| call.path.clone()).collect();
        differences.equal("calls", Some(expected_paths), paths(&observed));
        for (index, (expected, observed)) in expected.iter().zip(&observed).enumerate() {
            compare_call(differences, &format!("calls[{index}]"), expected, observed);
        }
        compare_keys(differences, expected, &observed);
        Ok(())
    }

    /// Compares the sizes of the status and of all versions of a run with their limits.
    pub(super) fn compare_sizes(&self, differences: &mut Differences, called: &str, expected: &ExpectedRun) {
        let Some(ObjectSizes { status, written }) = self.run(called).map(|run| self.harness.sizes(&run))
        else {
            return;
        };
        let limits = [
            ("bytes of its largest status", status, expected.status_at_most),
            ("bytes of all its versions", written, expected.written_at_most),
        ];
        for (what, bytes, limit) in limits {
            if limit.is_some_and(|limit| bytes == 0 || bytes > limit) {
                differences.found.push(format!("{called}: {what}: {bytes}, expected at most {limit:?}"));
            }
        }
    }

    /// Compares the phases of the sub-runs of `main`.
    pub(super) fn compare_children(&self, differences: &mut Differences) {
        let Some(expected) = self.scenario.expect.children.clone() else { return };
        let Some(uid) = self.run(MAIN).and_then(|run| run.uid()) else { return };
        let is_child = |run: &WorkflowRun| {
            let parent = run.spec.trigger.as_ref().and_then(|trigger| trigger.parent.as_ref());
            parent.is_some_and(|parent| parent.uid == uid)
        };
        differences.equal("children", Some(sorted(expected)), sorted(self.phases(is_child)));
    }

    /// Waits until enough runs that a schedule started have succeeded.
    pub(super) async fn compare_scheduled(&self, differences: &mut Differences) -> anyhow::Result<()> {
        let Some(expected) = self.scenario.expect.scheduled else { return Ok(()) };
        let workflow = self.name(MAIN);
        let is_scheduled = |run: &WorkflowRun| {
            run.spec.workflow_ref.name == workflow
                && run.spec.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::Schedule)
        };
        let observe = async || Ok(self.phases(is_scheduled));
        let enough = |phases: &Vec<RunPhase>| {
            phases.iter().filter(|phase| **phase == RunPhase::Succeeded).count() >= expected
        };
        if let Err(error) =
            wait::until("scheduled runs succeed", super::harness::DEADLINE, observe, enough).await
        {
            differences.found.push(format!("{error:#}"));
        }
        Ok(())
    }

    fn phases(&self, which: impl Fn(&WorkflowRun) -> bool) -> Vec<RunPhase> {
        let runs = self.harness.runs.state();
        let selected =
            runs.iter().filter(|run| run.namespace().as_ref() == Some(&self.namespace) && which(run));
        selected.map(|run| run.status.as_ref().and_then(|status| status.phase).unwrap_or_default()).collect()
    }

    /// Waits until the expected log lines are stored.
    pub(super) async fn compare_logs(&self, differences: &mut Differences) -> anyhow::Result<()> {
        if self.scenario.expect.logs.is_empty() {
            return Ok(());
        }
        let client = ApiClient::scenarios_admin()?;
        for expected in &self.scenario.expect.logs {
            let stream = expected.stream.iter().map(|stream| format!("&stream={}", stream.to_uppercase()));
            let path = format!("/logs?limit=1000&step={}{}", expected.step, stream.collect::<String>());
            let path = self.api_path(&path)?;
            let observe = async || Ok(client.get(&path).await?.list());
            let is_stored = |lines: &Vec<Value>| lines.iter().any(|line| matches_line(expected, line));
            if let Err(error) =
                wait::until(&format!("{expected:?} is stored"), LOG_DEADLINE, observe, is_stored).await
            {
                differences.found.push(format!("{error:#}"));
            }
        }
        Ok(())
    }

    /// Searches runs, events and API responses for texts that must not occur.
    pub(super) async fn compare_absent(&self, differences: &mut Differences) -> anyhow::Result<()> {
        let absent = &self.scenario.expect.absent;
        if absent.is_empty() {
            return Ok(());
        }
        let mut sources = BTreeMap::new();
        for called in [MAIN].into_iter().chain(self.scenario.expect.runs.keys().map(String::as_str)) {
            let run = self.run(called).map(|run| serde_json::to_string(&run)).transpose()?;
            sources.insert(format!("run {called}"), run.unwrap_or_default());
        }
        let events: Api<Event> = self.harness.api(&self.namespace);
        let events = events.list(&ListParams::default()).await?;
        sources.insert("events".to_owned(), serde_json::to_string(&events.items)?);
        if self.namespace == crds::names::tenant_namespace(SHARED_TENANT) {
            for part in ["", "/steps", "/logs"] {
                let response = ApiClient::scenarios_admin()?.get(&self.api_path(part)?).await?;
                sources.insert(format!("the run{part} in the API"), response.body.to_string());
            }
        }
        for (source, text) in &sources {
            for found in absent.iter().filter(|absent| text.contains(absent.as_str())) {
                differences.found.push(format!("{found:?} occurs in {source}"));
            }
        }
        Ok(())
    }

    fn api_path(&self, part: &str) -> anyhow::Result<String> {
        let uid = self.run(MAIN).and_then(|run| run.uid()).context("run main does not exist")?;
        Ok(format!("/v1/workflow-runs/{uid}{part}"))
    }

    /// Returns the runs of the scenario and the last log lines of their runners, to diagnose a failure.
    pub(super) async fn dump(&self) -> String {
        let mut text = String::new();
        for run in self.harness.runs.state().iter().filter(|run| run.name_any().starts_with(&self.id)) {
            let mut run = (**run).clone();
            run.metadata.managed_fields = None;
            text.push_str(&format!(
                "--- {}\n{}",
                run.name_any(),
                serde_yaml::to_string(&run).unwrap_or_default()
            ));
            text.push_str(&self.runner_log(&run).await);
        }
        text
    }

    async fn runner_log(&self, run: &WorkflowRun) -> String {
        let pods: Api<Pod> = self.harness.api(&self.namespace);
        let runner = run.status.as_ref().and_then(|status| status.runner.as_ref());
        let Some(pod) = runner.and_then(|runner| runner.pod.clone()) else { return String::new() };
        let params =
            LogParams { container: Some("runner".to_owned()), tail_lines: Some(40), ..LogParams::default() };
        pods.logs(&pod, &params).await.unwrap_or_default()
    }
}

fn sorted(mut phases: Vec<RunPhase>) -> Vec<RunPhase> {
    phases.sort_by_key(|phase| phase.as_str());
    phases
}

fn matches_line(expected: &ExpectedLogLine, line: &Value) -> bool {
    let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    text("step") == expected.step
        && expected.stream.as_ref().is_none_or(|stream| text("stream") == *stream)
        && expected.item.is_none_or(|item| line.get("item").and_then(Value::as_u64) == Some(u64::from(item)))
        && line.get("line").and_then(Value::as_str).unwrap_or_default().contains(&expected.line)
}

fn compare_call(differences: &mut Differences, what: &str, expected: &ExpectedCall, observed: &Received) {
    differences.equal(&format!("{what}.method"), expected.method.as_deref(), observed.method.as_str());
    differences.equal(&format!("{what}.query"), expected.query.as_deref(), observed.query.as_str());
    for (name, value) in &expected.headers {
        let header = observed.headers.get(name).cloned();
        differences.equal(&format!("{what}.headers.{name}"), Some(value.clone()), header);
    }
    let body = serde_json::from_str(&observed.body).ok();
    differences.json(&format!("{what}.json"), expected.json.as_ref(), body.as_ref());
    differences.equal(&format!("{what}.text"), expected.text.as_deref(), observed.body.as_str());
}

/// Compares idempotency keys: two calls must have the same key if and only if their letters are equal.
fn compare_keys(differences: &mut Differences, expected: &[ExpectedCall], observed: &[Received]) {
    let keys: Vec<(&str, Option<&String>)> = expected
        .iter()
        .zip(observed)
        .filter_map(|(expected, observed)| {
            Some((expected.key.as_deref()?, observed.headers.get("idempotency-key")))
        })
        .collect();
    for (index, (letter, key)) in keys.iter().enumerate() {
        if key.is_none() {
            differences.found.push(format!("a call of {letter} has no Idempotency-Key"));
        }
        for (other_letter, other_key) in keys.iter().skip(index + 1) {
            let agree = (letter == other_letter) == (key == other_key);
            if !agree {
                differences
                    .found
                    .push(format!("keys of {letter} and {other_letter}: {key:?}, {other_key:?}"));
            }
        }
    }
}
