//! Simulated environment of a run: the persisted status, object storage, and a runner that may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds::run::{Cancel, Decision, OutputRef, RunPhase, StepStatus, WaitingFor};
use crds::workflow::ErrorKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::plans::{Event, Plan, yaml};
use super::rules;
use crate::run::tests::{run, time_at};
use crate::run::{
    Advance, ExternalEvents, Outcome, Output, Run, RunData, RunState, RunnerLoss, StartAttempt, StepKey,
    SubRunOutcome, SuspendRun, Task, awaited_sub_runs, insert_value, missing_values, persisted_steps,
    step_error,
};

/// State of the simulation of a run.
pub(super) struct World {
    run: Run,
    plans: (Vec<Plan>, Vec<Plan>),
    /// State that was written last.
    pub(super) stored: RunState,
    /// State in the memory of the runner.
    memory: RunState,
    running: Vec<StartAttempt>,
    /// Suspension of the run, and the time at which it began.
    suspended: Option<(SuspendRun, f64)>,
    waited: f64,
    cancel: Option<Cancel>,
    decisions: Vec<Decision>,
    children: BTreeMap<String, SubRunOutcome>,
    objects: BTreeMap<String, Value>,
    now: f64,
    wake_at: Option<f64>,
    /// Number of times that the end of each step was written.
    pub(super) ends: BTreeMap<String, u32>,
    started: BTreeSet<(StepKey, u32)>,
    pub(super) finished: Option<RunPhase>,
}

/// Returns the run of the random workflow, which has waited for this number of seconds.
fn new_run(plans: &(Vec<Plan>, Vec<Plan>), waited: f64) -> Run {
    let workflow = run(&yaml(plans)).workflow().clone();
    let data = RunData {
        input: json!({"n": 5, "big": "x".repeat(17_000)}),
        run_id: "uid-1".to_owned(),
        run_name: "run-1".to_owned(),
        ..RunData::default()
    };
    Run::new(workflow, data, time_at(0.0), Duration::from_secs_f64(waited))
}

impl World {
    pub(super) fn new(plans: (Vec<Plan>, Vec<Plan>)) -> Self {
        Self {
            run: new_run(&plans, 0.0),
            plans,
            stored: RunState::default(),
            memory: RunState::default(),
            running: Vec::new(),
            suspended: None,
            waited: 0.0,
            cancel: None,
            decisions: Vec::new(),
            children: BTreeMap::new(),
            objects: BTreeMap::new(),
            now: 0.0,
            wake_at: None,
            ends: BTreeMap::new(),
            started: BTreeSet::new(),
            finished: None,
        }
    }

    /// Returns whether no attempt is running.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Applies an event, and advances the run.
    pub(super) fn apply_event(&mut self, event: &Event) -> Result<(), TestCaseError> {
        self.now += 0.5;
        match event {
            Event::Ends(index) if !self.running.is_empty() => {
                let start = self.running.remove(index % self.running.len());
                let outcome = self.outcome(&start);
                if matches!(outcome, Outcome::NotStarted(_)) {
                    self.started.remove(&(start.key.clone(), start.attempt));
                }
                self.memory = self.run.record_outcome(
                    &self.memory,
                    &start.key,
                    start.attempt,
                    outcome,
                    time_at(self.now),
                    0.5,
                );
            }
            Event::Crash { written, out_of_memory } if self.suspended.is_none() => {
                return self.crash(*written, *out_of_memory);
            }
            Event::Cancel { graceful } => {
                let mode = if *graceful { Cancel::Graceful } else { Cancel::Now };
                self.cancel.get_or_insert(mode);
            }
            Event::Wait(seconds) => self.now += f64::from(*seconds),
            Event::Decide { index, approved } => self.decide(*index, *approved),
            Event::SubRunEnds { index, succeeded } => self.end_sub_run(*index, *succeeded),
            Event::Ends(_) | Event::Crash { .. } => self.now += 2.0,
        }
        self.continue_run()
    }

    /// Moves the clock to the next timer of the run, and advances the run.
    pub(super) fn advance_to_next_timer(&mut self) -> Result<(), TestCaseError> {
        let wake_at =
            self.suspended.as_ref().map_or(self.wake_at, |(suspend, _)| suspend.wake_at.map(seconds));
        self.now = wake_at.unwrap_or(self.now).max(self.now) + 0.01;
        self.continue_run()
    }

    /// Advances the run, after resuming it if it is suspended and can be resumed.
    fn continue_run(&mut self) -> Result<(), TestCaseError> {
        if self.suspended.is_some() {
            if !self.can_resume() {
                return Ok(());
            }
            self.resume(&RunnerLoss::Interrupted);
        }
        self.advance()
    }

    /// Returns whether the operator would resume the suspended run.
    fn can_resume(&self) -> bool {
        let Some((suspend, _)) = &self.suspended else { return true };
        let decided = self
            .pending_approvals()
            .iter()
            .any(|key| self.decisions.iter().any(|decision| decision.key == *key));
        let ended =
            awaited_sub_runs(&self.stored.steps).iter().any(|child| self.children.contains_key(child));
        self.cancel.is_some()
            || decided
            || ended
            || suspend.wake_at.is_some_and(|due| due <= time_at(self.now))
    }

    fn advance(&mut self) -> Result<(), TestCaseError> {
        let external = ExternalEvents {
            cancel: self.cancel,
            decisions: &self.decisions,
            generation: 1,
            sub_runs: &self.children,
        };
        let advance = self.run.advance(&self.memory, &external, time_at(self.now));
        let repeated = self.run.advance(&self.memory, &external, time_at(self.now));
        prop_assert_eq!(&advance, &repeated, "the same arguments give the same advance");
        self.write(advance)
    }

    /// Writes an advance after checking its invariants, and starts its attempts.
    fn write(&mut self, advance: Advance) -> Result<(), TestCaseError> {
        let Advance { state, start, stop, cancel_sub_runs, wait_until, suspend, finish } = advance;
        let steps = persisted_steps(&state.steps);
        for step in &steps {
            let before = self.stored.steps.iter().find(|before| before.name == step.name).cloned();
            self.check_forward(before.as_ref(), step)?;
        }
        prop_assert!(self.stored.ending.is_none() || finish.is_some() || self.stored.ending == state.ending);
        self.stored = RunState { steps, ending: state.ending.clone() };
        let before = std::mem::replace(&mut self.memory, state);
        self.running
            .retain(|start| !stop.iter().any(|stop| stop.key == start.key && stop.attempt == start.attempt));
        for (name, _) in cancel_sub_runs {
            self.children
                .entry(name)
                .or_insert(SubRunOutcome::Unsuccessful { phase: RunPhase::Cancelled, error: None });
        }
        for start in start {
            rules::may_start(&self.run, &before, &start, self.cancel, time_at(self.now))?;
            let is_code = matches!(start.task, Task::Python { .. });
            let is_new = self.started.insert((start.key.clone(), start.attempt));
            prop_assert!(is_new || !is_code, "attempt {} of {} starts twice", start.attempt, start.key);
            self.running.push(start);
        }
        rules::what_runs_is_known(&self.memory, &self.running)?;
        if self.running.is_empty() && finish.is_none() {
            rules::something_is_awaited(&self.memory)?;
        }
        if self.cancel == Some(Cancel::Now) {
            prop_assert!(
                self.memory.ending.is_some() || finish.is_some(),
                "the run was cancelled immediately, and its main steps continue"
            );
        }
        if let Some(finish) = &finish {
            rules::ends_as_it_went(&self.run, &self.memory, finish, self.cancel, time_at(self.now))?;
        }
        self.wake_at = wait_until.map(seconds);
        self.suspended = suspend.map(|suspend| (suspend, self.now));
        prop_assert!(
            self.suspended.is_none() || self.running.is_empty(),
            "the run is suspended while an attempt is running"
        );
        prop_assert!(
            wait_until.is_some() || self.suspended.is_some() || finish.is_some(),
            "the advance has neither a next time, nor a suspension, nor an end"
        );
        self.finished = finish.map(|finish| finish.phase);
        Ok(())
    }

    fn check_forward(
        &mut self,
        before: Option<&StepStatus>,
        after: &StepStatus,
    ) -> Result<(), TestCaseError> {
        if let Some(before) = before {
            let for_each = self.run.workflow().step(&after.name).and_then(|step| step.for_each.as_ref());
            rules::goes_forward(before, after, for_each.map_or(0, |for_each| for_each.max_parallel))?;
        }
        prop_assert!(after.output_ref.as_ref().is_none_or(|reference| !reference.uri.is_empty()));
        if after.phase.is_final() && !before.is_some_and(|before| before.phase.is_final()) {
            *self.ends.entry(after.name.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// Returns the outcome of an attempt, as the plan of its step specifies.
    fn outcome(&mut self, start: &StartAttempt) -> Outcome {
        match &start.task {
            Task::StoreOutput(value) => {
                let uri = format!("store://{}", self.objects.len());
                self.objects.insert(uri.clone(), value.clone());
                let reference = OutputRef { uri, ..OutputRef::default() };
                return Outcome::Succeeded(Output { value: value.clone(), stored: Some(reference) });
            }
            Task::CreateSubRun(_) => return Outcome::SubRunCreated,
            _ => {}
        }
        let (letter, number) = start.key.step.split_at(1);
        let plans = if letter == "s" { &self.plans.0 } else { &self.plans.1 };
        let plan = number.parse::<usize>().ok().and_then(|index| plans.get(index));
        let attempt = usize::try_from(start.attempt + start.key.item.unwrap_or(0)).unwrap_or(0);
        let code = plan.and_then(|plan| plan.outcomes.iter().cycle().nth(attempt)).copied();
        match code.unwrap_or(0) {
            0..=2 => Outcome::Succeeded(json!({"attempt": start.attempt}).into()),
            3 => Outcome::Failed(step_error(ErrorKind::User, "USER", "no").into()),
            4 => Outcome::Failed(step_error(ErrorKind::Infra, "INFRA", "no").into()),
            5 => Outcome::NotStarted(step_error(ErrorKind::Infra, "NOT_STARTED", "no")),
            6 => Outcome::Succeeded(json!("x".repeat(9_000)).into()),
            _ => Outcome::TimedOut,
        }
    }

    /// Loses the runner, after writing the next advance if `written`, and resumes the run with another one.
    fn crash(&mut self, written: bool, out_of_memory: bool) -> Result<(), TestCaseError> {
        if written {
            self.advance()?;
            if self.finished.is_some() || self.suspended.is_some() {
                return Ok(());
            }
        }
        let lost = std::mem::take(&mut self.running);
        if out_of_memory {
            // The attempt that used too much memory is unknown, so all attempts are repeated with their
            // number. This includes ended attempts whose output was still being stored, since their end is
            // not written yet.
            let Self { started, stored, .. } = self;
            started.retain(|(key, attempt)| !stored.is_running(key, *attempt));
        }
        self.resume(if out_of_memory { &RunnerLoss::OutOfMemory } else { &RunnerLoss::Interrupted });
        self.advance()?;
        for start in lost.iter().filter(|start| matches!(start.task, Task::Python { .. }) && !out_of_memory) {
            let (key, attempt) = (&start.key, start.attempt);
            let late = self.run.record_outcome(
                &self.memory,
                key,
                attempt,
                Outcome::TimedOut,
                time_at(self.now),
                0.5,
            );
            prop_assert_eq!(&late, &self.memory, "a late report of the old runner changes nothing");
        }
        Ok(())
    }

    /// Resumes the run with another runner, from the written state and the stored values only.
    fn resume(&mut self, lost: &RunnerLoss) {
        if let Some((SuspendRun { stops_clock: true, .. }, since)) = self.suspended.take() {
            self.waited += self.now - since;
        }
        self.run = new_run(&self.plans, self.waited);
        let mut state = self.stored.clone();
        for (slot, reference) in missing_values(&state.steps) {
            insert_value(&mut state.steps, &slot, self.objects[&reference.uri].clone());
        }
        assert_eq!(missing_values(&state.steps), [], "all stored values were inserted");
        self.memory = self.run.resume(&state, lost, time_at(self.now));
    }

    /// Returns the keys of the pending approvals.
    fn pending_approvals(&self) -> Vec<String> {
        let approvals_of_step = |step: &StepStatus| {
            let items = step.items.iter().flat_map(|items| &items.active);
            let items = items.map(|item| (StepKey::item(&step.name, item.index), item.waiting.clone()));
            std::iter::once((StepKey::step(&step.name), step.waiting.clone()))
                .chain(items)
                .collect::<Vec<_>>()
        };
        let all = self.stored.steps.iter().flat_map(approvals_of_step);
        let approvals =
            all.filter(|(_, waiting)| waiting.as_ref().is_some_and(|w| w.reason == WaitingFor::Approval));
        approvals.map(|(key, _)| key.to_string()).collect()
    }

    /// Decides on one of the approvals that have no decision yet.
    pub(super) fn decide(&mut self, index: usize, approved: bool) {
        let open = self.pending_approvals();
        let open: Vec<_> = open
            .into_iter()
            .filter(|key| self.decisions.iter().all(|decision| decision.key != *key))
            .collect();
        if let Some(key) = open.get(index % open.len().max(1)) {
            self.decisions.push(Decision { key: key.clone(), approved, input: None, by: None });
        }
    }

    /// Ends one of the awaited sub-runs.
    pub(super) fn end_sub_run(&mut self, index: usize, succeeded: bool) {
        let open = awaited_sub_runs(&self.stored.steps);
        let open: Vec<_> = open.into_iter().filter(|name| !self.children.contains_key(name)).collect();
        if let Some(name) = open.get(index % open.len().max(1)) {
            let end = if succeeded {
                SubRunOutcome::Succeeded { output: json!({"child": name}), stored: None }
            } else {
                SubRunOutcome::Unsuccessful { phase: RunPhase::Failed, error: None }
            };
            self.children.insert(name.clone(), end);
        }
    }
}

/// Returns the number of seconds from the start of the run.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.duration_since(time_at(0.0)).as_secs_f64()
}
