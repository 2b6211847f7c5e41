//! What a scenario left behind besides its runs: requests, kept logs, other runs, and texts that must be nowhere.

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
    check::Differences,
    format::{Call, LogLine, MAIN, RunSeen},
    recorder::{self, Received},
    stage::Stage,
    versions::Sizes,
    world::SHARED_TENANT,
};
use crate::{api::Caller, wait};

/// Lines are kept some tenths of a second after the run's end.
const KEPT_WITHIN: Duration = Duration::from_secs(30);

impl Stage<'_> {
    /// Compares the requests that were received.
    pub(super) async fn compare_calls(&self, differences: &mut Differences) -> anyhow::Result<()> {
        let expect = &self.scenario.expect;
        let seen = recorder::received(&self.world.client, &self.id).await?;
        for (path, count) in &expect.call_counts {
            let calls = seen.iter().filter(|call| call.path == *path).count();
            differences.equal(&format!("calls of {path}"), Some(*count), calls);
        }
        let Some(expected) = &expect.calls else { return Ok(()) };
        let paths = |calls: &[Received]| calls.iter().map(|call| call.path.clone()).collect::<Vec<_>>();
        let wanted = expected.iter().map(|call| call.path.clone()).collect();
        differences.equal("calls", Some(wanted), paths(&seen));
        for (index, (expected, seen)) in expected.iter().zip(&seen).enumerate() {
            compare_call(differences, &format!("calls[{index}]"), expected, seen);
        }
        compare_keys(differences, expected, &seen);
        Ok(())
    }

    /// Compares how much was written of a run.
    pub(super) fn compare_sizes(&self, differences: &mut Differences, called: &str, expected: &RunSeen) {
        let Some(Sizes { status, written }) = self.run(called).map(|run| self.world.sizes(&run)) else {
            return;
        };
        let bounds = [
            ("bytes of its largest status", status, expected.status_at_most),
            ("bytes of all its versions", written, expected.written_at_most),
        ];
        for (what, bytes, most) in bounds {
            if most.is_some_and(|most| bytes == 0 || bytes > most) {
                differences.found.push(format!("{called}: {what}: {bytes}, at most {most:?}"));
            }
        }
    }

    /// Compares the sub-runs of `main`.
    pub(super) fn compare_children(&self, differences: &mut Differences) {
        let Some(expected) = self.scenario.expect.children.clone() else { return };
        let Some(uid) = self.run(MAIN).and_then(|run| run.uid()) else { return };
        let is_child = |run: &WorkflowRun| {
            let parent = run.spec.trigger.as_ref().and_then(|trigger| trigger.parent.as_ref());
            parent.is_some_and(|parent| parent.uid == uid)
        };
        differences.equal("children", Some(sorted(expected)), sorted(self.phases(is_child)));
    }

    /// Waits for runs that a schedule starts, and checks that no two are for the same time.
    pub(super) async fn compare_scheduled(&self, differences: &mut Differences) -> anyhow::Result<()> {
        let Some(expected) = self.scenario.expect.scheduled else { return Ok(()) };
        let workflow = self.name(MAIN);
        let is_scheduled = |run: &WorkflowRun| {
            run.spec.workflow_ref.name == workflow
                && run.spec.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::Schedule)
        };
        let look = async || Ok(self.phases(is_scheduled));
        let enough = |phases: &Vec<RunPhase>| {
            phases.iter().filter(|phase| **phase == RunPhase::Succeeded).count() >= expected
        };
        if let Err(error) =
            wait::until("runs by schedule succeed", super::world::DEADLINE, look, enough).await
        {
            differences.found.push(format!("{error:#}"));
        }
        Ok(())
    }

    fn phases(&self, which: impl Fn(&WorkflowRun) -> bool) -> Vec<RunPhase> {
        let runs = self.world.runs.state();
        let ours = runs.iter().filter(|run| run.namespace().as_ref() == Some(&self.namespace) && which(run));
        ours.map(|run| run.status.as_ref().and_then(|status| status.phase).unwrap_or_default()).collect()
    }

    /// Waits for lines that are kept.
    pub(super) async fn compare_logs(&self, differences: &mut Differences) -> anyhow::Result<()> {
        if self.scenario.expect.logs.is_empty() {
            return Ok(());
        }
        let caller = Caller::of_scenarios()?;
        for expected in &self.scenario.expect.logs {
            let stream = expected.stream.iter().map(|stream| format!("&stream={}", stream.to_uppercase()));
            let path = format!("/logs?limit=1000&step={}{}", expected.step, stream.collect::<String>());
            let path = self.path_in_api(&path)?;
            let look = async || Ok(caller.get(&path).await?.list());
            let is_kept = |lines: &Vec<Value>| lines.iter().any(|line| is_line(expected, line));
            if let Err(error) =
                wait::until(&format!("{expected:?} is kept"), KEPT_WITHIN, look, is_kept).await
            {
                differences.found.push(format!("{error:#}"));
            }
        }
        Ok(())
    }

    /// Looks for texts that must be nowhere.
    pub(super) async fn compare_absent(&self, differences: &mut Differences) -> anyhow::Result<()> {
        let absent = &self.scenario.expect.absent;
        if absent.is_empty() {
            return Ok(());
        }
        let mut places = BTreeMap::new();
        for called in [MAIN].into_iter().chain(self.scenario.expect.runs.keys().map(String::as_str)) {
            let run = self.run(called).map(|run| serde_json::to_string(&run)).transpose()?;
            places.insert(format!("run {called}"), run.unwrap_or_default());
        }
        let events: Api<Event> = self.world.api(&self.namespace);
        let ours = events.list(&ListParams::default()).await?;
        places.insert("events".to_owned(), serde_json::to_string(&ours.items)?);
        if self.namespace == crds::names::tenant_namespace(SHARED_TENANT) {
            for part in ["", "/steps", "/logs"] {
                let answer = Caller::of_scenarios()?.get(&self.path_in_api(part)?).await?;
                places.insert(format!("the API's run{part}"), answer.body.to_string());
            }
        }
        for (place, text) in &places {
            for text_absent in absent.iter().filter(|one| text.contains(one.as_str())) {
                differences.found.push(format!("{text_absent:?} is in {place}"));
            }
        }
        Ok(())
    }

    fn path_in_api(&self, part: &str) -> anyhow::Result<String> {
        let uid = self.run(MAIN).and_then(|run| run.uid()).context("no run main")?;
        Ok(format!("/v1/workflow-runs/{uid}{part}"))
    }

    /// For whoever mends a failure: the runs, and what their pods said.
    pub(super) async fn dump(&self) -> String {
        let mut text = String::new();
        for run in self.world.runs.state().iter().filter(|run| run.name_any().starts_with(&self.id)) {
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
        let pods: Api<Pod> = self.world.api(&self.namespace);
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

fn is_line(expected: &LogLine, line: &Value) -> bool {
    let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    text("step") == expected.step
        && expected.stream.as_ref().is_none_or(|stream| text("stream") == *stream)
        && expected.item.is_none_or(|item| line.get("item").and_then(Value::as_u64) == Some(u64::from(item)))
        && line.get("line").and_then(Value::as_str).unwrap_or_default().contains(&expected.line)
}

fn compare_call(differences: &mut Differences, what: &str, expected: &Call, seen: &Received) {
    differences.equal(&format!("{what}.method"), expected.method.as_deref(), seen.method.as_str());
    differences.equal(&format!("{what}.query"), expected.query.as_deref(), seen.query.as_str());
    for (name, value) in &expected.headers {
        let header = seen.headers.get(name).cloned();
        differences.equal(&format!("{what}.headers.{name}"), Some(value.clone()), header);
    }
    let body = serde_json::from_str(&seen.body).ok();
    differences.json(&format!("{what}.json"), expected.json.as_ref(), body.as_ref());
    differences.equal(&format!("{what}.text"), expected.text.as_deref(), seen.body.as_str());
}

/// Two calls have the same idempotency key just where their letters are the same.
fn compare_keys(differences: &mut Differences, expected: &[Call], seen: &[Received]) {
    let keyed: Vec<(&str, Option<&String>)> = expected
        .iter()
        .zip(seen)
        .filter_map(|(expected, seen)| Some((expected.key.as_deref()?, seen.headers.get("idempotency-key"))))
        .collect();
    for (index, (letter, key)) in keyed.iter().enumerate() {
        if key.is_none() {
            differences.found.push(format!("a call of {letter} has no Idempotency-Key"));
        }
        for (other_letter, other_key) in keyed.iter().skip(index + 1) {
            let agree = (letter == other_letter) == (key == other_key);
            if !agree {
                differences
                    .found
                    .push(format!("keys of {letter} and {other_letter}: {key:?}, {other_key:?}"));
            }
        }
    }
}
