//! Property tests of the run state machine with random workflows and events.

mod plans;
mod rules;
mod world;

use crds::run::{StepPhase, StepStatus};
use crds::workflow::ErrorKind;
use proptest::prelude::*;
use serde_json::json;

use self::plans::{Event, events, plans, yaml};
use self::world::World;
use super::tests::{run, time_at};
use super::{ExternalEvents, Outcome, RunState, StepKey, Task, step_error};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// For every workflow and every sequence of outcomes, decisions, crashes and cancels, the status only
    /// advances, no attempt starts twice, the end of each step is reported once, and the run ends.
    #[test]
    fn every_run_moves_forward_and_ends(plans in plans(), events in events()) {
        let mut world = World::new(plans);
        world.apply_event(&Event::Wait(0))?;
        for event in &events {
            if world.finished.is_none() { world.apply_event(event)?; }
        }
        // From here on all running attempts end, all approvals are decided on, and time passes.
        for _ in 0..400 {
            if world.finished.is_some() { break; }
            world.decide(0, true);
            world.end_sub_run(0, true);
            if world.is_idle() { world.advance_to_next_timer()?; } else { world.apply_event(&Event::Ends(0))?; }
        }
        prop_assert!(world.finished.is_some(), "the run has not ended: {:?}", world.stored);
        let steps = &world.stored.steps;
        prop_assert!(steps.iter().all(|step| step.phase.is_final()));
        prop_assert!(steps.iter().all(|step| step.next_at.is_none() && step.waiting.is_none() && step.finished_at.is_some()));
        prop_assert!(steps.iter().filter_map(|step| step.items.as_ref()).all(|items| items.active.is_empty()));
        prop_assert!(world.ends.values().all(|times| *times == 1), "the end of each step is reported once");
        prop_assert_eq!(world.ends.len(), steps.len());
        prop_assert!(world.is_idle(), "no attempt is running after the end of the run");
    }

    /// A step starts only after all the steps that it needs have ended, and never after a fatal failure.
    #[test]
    fn needs_are_respected(plans in plans(), events in events()) {
        let run = run(&yaml(&plans));
        let mut state = RunState::default();
        let mut running: Vec<(StepKey, u32)> = Vec::new();
        let mut now = 0.0;
        for event in std::iter::once(&Event::Wait(0)).chain(&events) {
            now += 1.0;
            if let (Event::Ends(index), false) = (event, running.is_empty()) {
                let (key, attempt) = running.remove(index % running.len());
                let failed = Outcome::Failed(step_error(ErrorKind::User, "NO", "no").into());
                let outcome = if index % 3 == 0 { failed } else { Outcome::Succeeded(json!(1).into()) };
                state = run.record_outcome(&state, &key, attempt, outcome, time_at(now), 0.5);
            }
            let advance = run.advance(&state, &ExternalEvents::NONE, time_at(now));
            let ended = |name: &str| advance.state.steps.iter().any(|step| step.name == name && step.phase.is_final());
            let is_main = |name: &str| run.workflow().steps().iter().any(|step| step.name == name);
            for start in &advance.start {
                let step = run.workflow().step(&start.key.step).expect("the step exists");
                prop_assert!(step.needs.iter().all(|need| ended(need)));
                prop_assert!(is_main(&step.name) || run.workflow().steps().iter().all(|step| ended(&step.name)));
            }
            let failed = |step: &StepStatus| {
                step.phase == StepPhase::Failed && is_main(&step.name)
                    && run.workflow().step(&step.name).is_some_and(|s| !s.continue_on_error)
            };
            let new = advance.start.iter().filter(|start| is_main(&start.key.step));
            let new = new.filter(|start| !matches!(start.task, Task::StoreOutput(_))).count();
            prop_assert!(!state.steps.iter().any(failed) || new == 0);
            running.extend(advance.start.iter().map(|start| (start.key.clone(), start.attempt)));
            state = advance.state;
            if advance.finish.is_some() { break; }
        }
    }
}
