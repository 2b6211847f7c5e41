//! Simulated runs, each with a runner that may be lost, and simulated object storage.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::run::{Cancel, Decision, OutputRef, RunError, RunPhase, StepStatus};
use domain::run::{
    Advance, ExternalEvents, FinishRun, Outcome, Output, Run as Engine, RunData, RunState, RunnerLoss,
    StartAttempt, SubRunOutcome, SuspendRun, Task, awaited_sub_runs, insert_value, missing_values,
    persisted_steps,
};
use domain::workflow::ValidWorkflow;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::script::Ended;

/// Outputs that are too large for a status, by URI.
#[derive(Default)]
pub(crate) struct Objects(BTreeMap<String, Value>);

impl Objects {
    fn store(&mut self, value: &Value) -> OutputRef {
        let uri = format!("store://{}", self.0.len());
        self.0.insert(uri.clone(), value.clone());
        OutputRef {
            uri,
            bytes: domain::schema::json_size(value).try_into().unwrap_or(u64::MAX),
            ..OutputRef::default()
        }
    }

    fn fetch(&self, steps: &mut [StepStatus]) {
        for (slot, reference) in missing_values(steps) {
            insert_value(steps, &slot, self.0[&reference.uri].clone());
        }
    }
}

/// Simulated run.
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) valid: ValidWorkflow,
    pub(crate) data: RunData,
    run: Engine,
    pub(crate) created: Timestamp,
    /// Time at which the run was first admitted.
    first_admitted_at: Option<Timestamp>,
    pub(crate) holds_slot: bool,
    pub(crate) priority: i32,
    /// Reason why the run is queued.
    pub(crate) queued_for: Option<String>,
    pub(crate) memory: RunState,
    pub(crate) running: Vec<StartAttempt>,
    wait_until: Option<Timestamp>,
    suspended: Option<(SuspendRun, Timestamp)>,
    waited: Duration,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) decisions: Vec<Decision>,
    /// Number of changes of the run's spec.
    pub(crate) generation: i64,
    pub(crate) finish: Option<FinishRun>,
    pub(crate) duration_seconds: f64,
    pub(crate) reused: usize,
}

impl Run {
    pub(crate) fn new(
        name: &str,
        valid: ValidWorkflow,
        data: RunData,
        created: Timestamp,
        reused: Vec<StepStatus>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            run: Engine::new(valid.clone(), data.clone(), created, Duration::ZERO),
            valid,
            data,
            created,
            first_admitted_at: None,
            holds_slot: false,
            priority: 0,
            queued_for: None,
            reused: reused.len(),
            memory: RunState { steps: reused, ending: None },
            running: Vec::new(),
            wait_until: None,
            suspended: None,
            waited: Duration::ZERO,
            cancel: None,
            decisions: Vec::new(),
            generation: 1,
            finish: None,
            duration_seconds: 0.0,
        }
    }

    pub(crate) fn phase(&self) -> RunPhase {
        match (&self.finish, &self.suspended) {
            (Some(finish), _) => finish.phase,
            (None, Some(_)) => RunPhase::Suspended,
            (None, None) if self.has_begun() => RunPhase::Running,
            (None, None) => RunPhase::Queued,
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.first_admitted_at.is_some()
    }

    /// Returns whether the run requires a slot to continue.
    pub(crate) fn requests_slot(&self, ended: &BTreeMap<String, SubRunOutcome>, now: Timestamp) -> bool {
        self.finish.is_none() && !self.holds_slot && (self.suspended.is_none() || self.can_resume(ended, now))
    }

    /// Gives a slot and a runner to the run.
    pub(crate) fn admit(&mut self, objects: &Objects, now: Timestamp) {
        self.holds_slot = true;
        self.queued_for = None;
        self.first_admitted_at.get_or_insert(now);
        self.lose(objects, now);
    }

    /// Ends the run without a runner.
    pub(crate) fn end_without_runner(&mut self, phase: RunPhase, error: Option<RunError>) {
        self.finish = Some(FinishRun { phase, output: None, error });
    }

    /// Returns the time of the next deadline or timer of the run.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        if self.finish.is_some() {
            return None;
        }
        let own = self.suspended.as_ref().map_or(self.wait_until, |(suspend, _)| suspend.wake_at);
        self.running.iter().map(|start| start.deadline).chain(own).min()
    }

    /// Advances the run once, if it has a runner, and returns the sub-runs to cancel.
    pub(crate) fn advance(
        &mut self,
        ended: &BTreeMap<String, SubRunOutcome>,
        now: Timestamp,
    ) -> Vec<(String, Cancel)> {
        if self.finish.is_some() || !self.holds_slot {
            return Vec::new();
        }
        let signals = ExternalEvents {
            cancel: self.cancel,
            decisions: &self.decisions,
            generation: self.generation,
            sub_runs: ended,
        };
        let Advance { state, start, stop, cancel_sub_runs, wait_until, suspend, finish } =
            self.run.advance(&self.memory, &signals, now);
        self.memory = state;
        self.running.retain(|start| !stop.iter().any(|stop| stop.key == start.key));
        self.running.extend(start);
        self.wait_until = wait_until;
        self.suspended = suspend.map(|suspend| (suspend, now));
        if finish.is_some() {
            assert!(self.running.is_empty(), "{}: an attempt is running after the end of the run", self.name);
            self.duration_seconds =
                now.duration_since(self.first_admitted_at.unwrap_or(self.created)).as_secs_f64();
        }
        self.holds_slot = finish.is_none() && self.suspended.is_none();
        self.finish = finish;
        cancel_sub_runs
    }

    fn can_resume(&self, ended: &BTreeMap<String, SubRunOutcome>, now: Timestamp) -> bool {
        let Some((suspend, _)) = &self.suspended else { return true };
        let sub_run_ended =
            awaited_sub_runs(&self.memory.steps).iter().any(|child| ended.contains_key(child));
        let is_waiting = |key: &str| {
            let (step, item) =
                key.split_once('/').map_or((key, None), |(step, item)| (step, item.parse::<u32>().ok()));
            self.memory.steps.iter().filter(|status| status.name == step).any(|status| match item {
                None => status.waiting.as_ref().is_some_and(|waiting| {
                    waiting.refused.as_ref().is_none_or(|refused| refused.generation < self.generation)
                }),
                Some(item) => {
                    status.items.iter().flat_map(|items| &items.active).any(|active| active.index == item)
                }
            })
        };
        let decided = self.decisions.iter().any(|decision| is_waiting(&decision.key));
        self.cancel.is_some() || sub_run_ended || decided || suspend.wake_at.is_some_and(|due| due <= now)
    }

    /// Replaces the runner: the new one resumes the run from its persisted status.
    pub(crate) fn lose(&mut self, objects: &Objects, now: Timestamp) {
        self.running.clear();
        if let Some((SuspendRun { stops_clock: true, .. }, since)) = self.suspended.take() {
            self.waited += Duration::try_from(now.duration_since(since)).unwrap_or_default();
        }
        let first_admitted_at = self.first_admitted_at.unwrap_or(self.created);
        self.run = Engine::new(self.valid.clone(), self.data.clone(), first_admitted_at, self.waited);
        let mut state =
            RunState { steps: persisted_steps(&self.memory.steps), ending: self.memory.ending.clone() };
        objects.fetch(&mut state.steps);
        self.memory = self.run.resume(&state, &RunnerLoss::Interrupted, now);
    }

    /// Ends the first attempt that can end, and returns the sub-run that it creates, if any. Returns `None`
    /// if no attempt can end.
    pub(crate) fn end_one(
        &mut self,
        answer: &mut impl FnMut(&StartAttempt, &Engine) -> Ended,
        objects: &mut Objects,
        now: Timestamp,
    ) -> Option<Option<domain::run::SubRun>> {
        for index in 0..self.running.len() {
            let start = self.running[index].clone();
            let mut sub_run = None;
            let outcome = match &start.task {
                Task::StoreOutput(value) => {
                    Outcome::Succeeded(Output { value: value.clone(), stored: Some(objects.store(value)) })
                }
                Task::CreateSubRun(sub) => {
                    sub_run = Some(sub.clone());
                    Outcome::SubRunCreated
                }
                _ => match answer(&start, &self.run) {
                    Ended::With(outcome) => outcome,
                    Ended::Not => continue,
                },
            };
            self.running.remove(index);
            self.memory = self.run.record_outcome(&self.memory, &start.key, start.attempt, outcome, now, 0.5);
            return Some(sub_run);
        }
        None
    }

    /// Returns the outcome of a finished run, for the parent that waits for it.
    pub(crate) fn end(&self) -> Option<SubRunOutcome> {
        let FinishRun { phase, output, error } = self.finish.as_ref()?;
        Some(match output {
            Some(output) => SubRunOutcome::Succeeded { output: output.clone(), stored: None },
            None => SubRunOutcome::Unsuccessful { phase: *phase, error: error.clone() },
        })
    }
}

/// Returns the time that is `seconds` after `now`.
pub(crate) fn later(now: Timestamp, seconds: f64) -> Timestamp {
    now + SignedDuration::from_secs_f64(seconds)
}
