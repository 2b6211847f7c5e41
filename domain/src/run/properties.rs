use std::collections::{BTreeMap, BTreeSet};

use crds::run::{Cancel, StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use proptest::prelude::*;
use serde_json::json;

use super::tests::{at, run};
use super::{Advance, Lost, Outcome, Place, Run, Signals, State, error};

/// A step of a random workflow, and how its attempts end.
#[derive(Clone, Debug)]
struct Plan {
    needs: Vec<usize>,
    kind: u8,
    continues: bool,
    retries: bool,
    outcomes: Vec<u8>,
}

/// What happens between two advances.
#[derive(Clone, Debug)]
enum Event {
    /// The n-th of the running attempts ends.
    Ends(usize),
    /// The pod is lost, before or after the last status was written; another runner takes the run.
    Crash {
        written: bool,
    },
    /// Nothing but time.
    Wait,
    Cancel(bool),
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let plan = (
        proptest::collection::vec(0_usize..8, 0..3),
        0_u8..4,
        any::<bool>(),
        any::<bool>(),
        proptest::collection::vec(0_u8..5, 4),
    );
    proptest::collection::vec(plan, 1..8).prop_map(|plans| {
        plans
            .into_iter()
            .enumerate()
            .map(|(at, (needs, kind, continues, retries, outcomes))| {
                // Only earlier steps are needed: no cycles. And no step twice.
                let needs: BTreeSet<usize> = needs.into_iter().filter(|need| *need < at).collect();
                Plan { needs: needs.into_iter().collect(), kind, continues, retries, outcomes }
            })
            .collect()
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => (0_usize..4).prop_map(Event::Ends),
        2 => any::<bool>().prop_map(|written| Event::Crash { written }),
        2 => Just(Event::Wait),
        1 => any::<bool>().prop_map(Event::Cancel),
    ];
    proptest::collection::vec(event, 0..40)
}

fn yaml(plans: &[Plan]) -> String {
    let steps = plans.iter().enumerate().map(|(at, plan)| {
        let needs: Vec<String> = plan.needs.iter().map(|need| format!("s{need}")).collect();
        let action = match plan.kind {
            0 => "expr: {value: '${{ input.n }}'}",
            1 => "when: 'input.n > 9', python: {code: x}",
            2 => "expr: {value: '${{ input.missing }}'}",
            _ => "python: {code: x}",
        };
        let on = if plan.retries { "[Infra, User, Timeout]" } else { "[User]" };
        format!(
            "- {{name: s{at}, needs: [{}], continueOnError: {}, retry: {{on: {on}}}, {action}}}\n",
            needs.join(", "),
            plan.continues
        )
    });
    format!("steps:\n{}", steps.collect::<String>())
}

/// A cluster in small: the status as stored, and one runner that may die.
struct World {
    run: Run,
    plans: Vec<Plan>,
    stored: State,
    running: Vec<(Place, u32)>,
    cancel: Option<Cancel>,
    now: f64,
    /// How often each step's end was written.
    ends: BTreeMap<String, u32>,
    started: BTreeSet<(Place, u32)>,
}

impl World {
    /// Writes an advance, checking that it only goes forward, and starts what it says.
    fn write(&mut self, advance: &Advance) -> Result<(), TestCaseError> {
        let stored = std::mem::take(&mut self.stored);
        let before = stored.steps.iter();
        for (step, before) in advance.state.steps.iter().zip(before.map(Some).chain(std::iter::repeat(None)))
        {
            self.check_forward(before, step)?;
        }
        self.stored.clone_from(&advance.state);
        self.running.retain(|(place, attempt)| {
            !advance.stop.iter().any(|stop| stop.place == *place && stop.attempt == *attempt)
        });
        for start in &advance.start {
            prop_assert!(self.started.insert((start.place.clone(), start.attempt)), "an attempt starts once");
            self.running.push((start.place.clone(), start.attempt));
        }
        Ok(())
    }

    fn check_forward(
        &mut self,
        before: Option<&StepStatus>,
        after: &StepStatus,
    ) -> Result<(), TestCaseError> {
        if let Some(before) = before {
            prop_assert_eq!(&before.name, &after.name);
            prop_assert!(!before.phase.is_final() || before == after, "what has ended never changes");
            prop_assert!(before.attempt <= after.attempt, "attempts count upwards");
            prop_assert!(before.started_at.is_none() || before.started_at == after.started_at);
        }
        if after.phase.is_final() && !before.is_some_and(|before| before.phase.is_final()) {
            *self.ends.entry(after.name.clone()).or_default() += 1;
        }
        Ok(())
    }

    fn outcome(&self, place: &Place, attempt: u32) -> Outcome {
        let plan = place.step.trim_start_matches('s').parse::<usize>().ok().and_then(|at| self.plans.get(at));
        let code =
            plan.and_then(|plan| plan.outcomes.iter().cycle().nth(usize::try_from(attempt).ok()?)).copied();
        match code.unwrap_or(0) {
            0 | 1 => Outcome::Succeeded(json!({"attempt": attempt}).into()),
            2 => Outcome::Failed(error(ErrorKind::User, "USER", "no").into()),
            3 => Outcome::Failed(error(ErrorKind::Infra, "INFRA", "no").into()),
            _ => Outcome::TimedOut,
        }
    }

    fn signals(&self) -> Signals<'static> {
        Signals { cancel: self.cancel, ..Signals::NONE }
    }

    /// One event, then one advance; whether the run has ended.
    fn happens(&mut self, event: &Event) -> Result<bool, TestCaseError> {
        self.now += 0.5;
        let mut state = self.stored.clone();
        match event {
            Event::Ends(which) if !self.running.is_empty() => {
                let (place, attempt) = self.running.remove(which % self.running.len());
                let outcome = self.outcome(&place, attempt);
                state = self.run.on_outcome(&state, &place, attempt, outcome, at(self.now), 0.5);
            }
            Event::Crash { written } => return self.crash(*written),
            Event::Cancel(graceful) => {
                let mode = if *graceful { Cancel::Graceful } else { Cancel::Now };
                self.cancel.get_or_insert(mode);
            }
            Event::Ends(_) | Event::Wait => self.now += 2.0,
        }
        let advance = self.run.advance(&state, &self.signals(), at(self.now));
        self.write(&advance)?;
        Ok(advance.finish.is_some())
    }

    /// The pod goes, perhaps between the write of its intents and their start; the next runner resumes.
    fn crash(&mut self, written: bool) -> Result<bool, TestCaseError> {
        if written {
            let advance = self.run.advance(&self.stored, &self.signals(), at(self.now));
            self.write(&advance)?;
            if advance.finish.is_some() {
                return Ok(true);
            }
        }
        let lost = std::mem::take(&mut self.running);
        let state = self.run.resume(&self.stored, &Lost::Interrupted, at(self.now));
        let advance = self.run.advance(&state, &self.signals(), at(self.now));
        self.write(&advance)?;
        for (place, attempt) in lost {
            let late =
                self.run.on_outcome(&self.stored, &place, attempt, Outcome::TimedOut, at(self.now), 0.5);
            prop_assert_eq!(&late, &self.stored, "a late report of the old runner changes nothing");
        }
        Ok(advance.finish.is_some())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the workflow, the outcomes, the crashes and the cancels: nothing goes backwards, no attempt starts
    /// twice, every step is reported once, and the run ends.
    #[test]
    fn every_run_moves_forward_and_ends(plans in plans(), events in events()) {
        let mut world = World {
            run: run(&yaml(&plans)), plans, stored: State::default(), running: Vec::new(), cancel: None, now: 0.0,
            ends: BTreeMap::new(), started: BTreeSet::new(),
        };
        let mut ended = world.happens(&Event::Wait)?;
        for event in &events {
            if !ended { ended = world.happens(event)?; }
        }
        // From here on everything that runs ends, and time passes.
        for _ in 0..400 {
            if !ended { ended = world.happens(&Event::Ends(0))?; }
        }
        prop_assert!(ended, "the run ends: {:?}", world.stored);
        prop_assert!(world.stored.steps.iter().all(|step| step.phase.is_final()));
        prop_assert!(world.stored.steps.iter().all(|step| step.next_at.is_none() && step.finished_at.is_some()));
        prop_assert!(world.ends.values().all(|times| *times == 1), "every step is reported once");
        prop_assert_eq!(world.ends.len(), world.stored.steps.len());
        prop_assert!(world.running.is_empty(), "nothing runs on after the end");
    }

    /// A step starts only when all it needs has ended, and never after a step that the run cannot do without failed.
    #[test]
    fn needs_are_respected(plans in plans(), events in events()) {
        let run = run(&yaml(&plans));
        let mut state = State::default();
        let mut running: Vec<(Place, u32)> = Vec::new();
        let mut now = 0.0;
        for event in std::iter::once(&Event::Wait).chain(&events) {
            now += 1.0;
            if let (Event::Ends(which), false) = (event, running.is_empty()) {
                let (place, attempt) = running.remove(which % running.len());
                let failed = Outcome::Failed(error(ErrorKind::User, "NO", "no").into());
                let outcome = if which % 3 == 0 { failed } else { Outcome::Succeeded(json!(1).into()) };
                state = run.on_outcome(&state, &place, attempt, outcome, at(now), 0.5);
            }
            let advance = run.advance(&state, &Signals::NONE, at(now));
            let ended = |name: &str| advance.state.steps.iter().any(|step| step.name == name && step.phase.is_final());
            for start in &advance.start {
                let step = run.workflow().step(&start.place.step).expect("a step");
                prop_assert!(step.needs.iter().all(|need| ended(need)));
            }
            let failed = |step: &StepStatus| {
                step.phase == StepPhase::Failed && run.workflow().step(&step.name).is_some_and(|s| !s.continue_on_error)
            };
            prop_assert!(!state.steps.iter().any(failed) || advance.start.is_empty());
            running.extend(advance.start.iter().map(|start| (start.place.clone(), start.attempt)));
            state = advance.state;
            if advance.finish.is_some() { break; }
        }
    }
}
