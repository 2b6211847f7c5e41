//! What holds for each advance, whatever came before it.

use crds::run::{Cancel, ItemsStatus, RunPhase, StepPhase, StepStatus};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::run::ranges::Ranges;
use crate::run::state::is_running_item;
use crate::run::{FinishRun, Run, RunState, StartAttempt, StepKey, Task};

type Checked = Result<(), TestCaseError>;

/// What has ended never changes, and what has begun is not unmade.
pub(super) fn goes_forward(before: &StepStatus, after: &StepStatus, max_parallel: usize) -> Checked {
    prop_assert!(!before.phase.is_final() || before == after, "what has ended never changes");
    prop_assert!(
        before.attempt.unwrap_or(0) <= after.attempt.unwrap_or(0) + 1,
        "attempts count upwards, but for one that was taken back"
    );
    let (Some(old), Some(new)) = (&before.items, &after.items) else { return Ok(()) };
    let (was, is) = (Ranges::parse(&old.done), Ranges::parse(&new.done));
    prop_assert!(is.contains_all(&was), "items that have ended stay so: {} then {}", was, is);
    prop_assert_eq!(is.iter().count(), usize::try_from(new.succeeded + new.failed).unwrap_or(0), "each once");
    prop_assert!(new.active.iter().all(|item| !is.contains(item.index)), "active items have not ended");
    prop_assert!(new.active.len() <= max_parallel, "no more than maxParallel");
    if after.phase == StepPhase::Succeeded {
        prop_assert_eq!(new.total, new.succeeded + new.failed);
    }
    Ok(())
}

/// What the state says of attempts under way is what runs, both ways: none is forgotten, and none is unknown.
pub(super) fn what_runs_is_known(state: &RunState, running: &[StartAttempt]) -> Checked {
    for start in running {
        let known = state.is_running(&start.key, start.attempt);
        prop_assert!(known, "attempt {} of {} runs on unknown", start.attempt, start.key);
    }
    let runs =
        |key: &StepKey, attempt| running.iter().any(|start| start.key == *key && start.attempt == attempt);
    for step in state.steps.iter().filter(|step| !step.phase.is_final()) {
        let items = step.items.iter().flat_map(|items| items.active.iter().map(move |item| (item, items)));
        for (item, _) in items.filter(|(item, items)| is_running_item(item, items)) {
            let key = StepKey::item(&step.name, item.index);
            prop_assert!(runs(&key, item.attempt), "{} was forgotten", key);
        }
        let is_one = step.phase == StepPhase::Running && step.items.is_none() && step.next_at.is_none();
        let key = StepKey::step(&step.name);
        prop_assert!(!is_one || runs(&key, step.attempt.unwrap_or(0)), "{} was forgotten", key);
    }
    Ok(())
}

/// Where nothing runs, something is waited for, or the run ends.
pub(super) fn something_is_awaited(state: &RunState) -> Checked {
    let of_items = |items: &ItemsStatus| {
        items.active.iter().any(|item| item.next_at.is_some() || item.waiting.is_some())
    };
    let awaits = |step: &StepStatus| {
        step.next_at.is_some() || step.waiting.is_some() || step.items.as_ref().is_some_and(of_items)
    };
    let mut open = state.steps.iter().filter(|step| !step.phase.is_final());
    prop_assert!(open.any(awaits), "nothing runs, nothing is awaited, and the run goes on: {:?}", state);
    Ok(())
}

/// No attempt before its time, none beyond their number, and none once the run is to end.
pub(super) fn may_start(
    run: &Run,
    before: &RunState,
    start: &StartAttempt,
    cancel: Option<Cancel>,
    now: Timestamp,
) -> Checked {
    if matches!(start.task, Task::StoreOutput(_)) {
        return Ok(());
    }
    let step = run.workflow().step(&start.key.step).expect("a step");
    let key = &start.key;
    prop_assert!(start.attempt <= step.retry.attempts, "attempt {} of {}", start.attempt, key);
    let known = before.steps.iter().find(|status| status.name == step.name);
    let next_at = known.and_then(|status| match key.item {
        None => status.next_at.as_ref(),
        Some(index) => {
            let mut active = status.items.iter().flat_map(|items| &items.active);
            active.find(|item| item.index == index)?.next_at.as_ref()
        }
    });
    prop_assert!(next_at.is_none_or(|due| due.0 <= now), "{} starts before its time", key);
    if is_main(run, &step.name) {
        prop_assert!(cancel.is_none(), "{} starts in a run that is cancelled", key);
        prop_assert!(
            !before.steps.iter().any(|status| is_fatal(run, status, true)),
            "{} starts too late",
            key
        );
    }
    Ok(())
}

/// The end says what has happened.
pub(super) fn ends_as_it_went(
    run: &Run,
    state: &RunState,
    finish: &FinishRun,
    cancel: Option<Cancel>,
    now: Timestamp,
) -> Checked {
    let FinishRun { phase, output, error } = finish;
    let failed = |main| state.steps.iter().any(|status| is_fatal(run, status, main));
    for step in &state.steps {
        let upstream = run.workflow().upstream(&step.name);
        let needed = |status: &&StepStatus| upstream.is_some_and(|upstream| upstream.contains(&status.name));
        let is_behind =
            state.steps.iter().filter(needed).any(|status| is_fatal(run, status, is_main(run, &status.name)));
        let untouched = matches!(step.phase, StepPhase::Skipped | StepPhase::Cancelled);
        prop_assert!(!is_behind || untouched, "{} ran, though what it needs has failed", step.name);
    }
    prop_assert_eq!(output.is_some(), *phase == RunPhase::Succeeded);
    prop_assert_eq!(error.is_none(), *phase == RunPhase::Succeeded);
    match phase {
        RunPhase::Succeeded => {
            let done = |phase| matches!(phase, StepPhase::Succeeded | StepPhase::Skipped | StepPhase::Failed);
            prop_assert!(state.steps.iter().all(|status| done(status.phase)), "{:?}", state);
            prop_assert!(!failed(true) && !failed(false), "a failure is not told of");
        }
        RunPhase::Failed => {
            let cut_off = state.steps.iter().any(|status| status.phase == StepPhase::Cancelled);
            prop_assert!(failed(true) || failed(false) || cut_off, "it failed of nothing");
        }
        RunPhase::Cancelled => prop_assert!(cancel.is_some(), "nobody has cancelled it"),
        RunPhase::TimedOut => prop_assert!(now >= run.deadline(), "it had time"),
        other => prop_assert!(false, "{:?} is no end", other),
    }
    Ok(())
}

fn is_main(run: &Run, step: &str) -> bool {
    run.workflow().steps().iter().any(|main| main.name == step)
}

/// Whether it has failed, and the run cannot do without it.
fn is_fatal(run: &Run, status: &StepStatus, main: bool) -> bool {
    status.phase == StepPhase::Failed
        && is_main(run, &status.name) == main
        && run.workflow().step(&status.name).is_some_and(|step| !step.continue_on_error)
}
