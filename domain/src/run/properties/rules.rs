//! Invariants of each advance, for every state before it.

use crds::run::{Cancel, ItemsStatus, RunPhase, StepPhase, StepStatus};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::run::ranges::Ranges;
use crate::run::state::is_running_item;
use crate::run::{FinishRun, Run, RunState, StartAttempt, StepKey, Task};

type Checked = Result<(), TestCaseError>;

/// Checks that an ended step does not change, and that attempts and items of other steps only advance.
pub(super) fn goes_forward(before: &StepStatus, after: &StepStatus, max_parallel: usize) -> Checked {
    prop_assert!(!before.phase.is_final() || before == after, "an ended step has changed");
    prop_assert!(
        before.attempt.unwrap_or(0) <= after.attempt.unwrap_or(0) + 1,
        "the attempt number decreased by more than one reverted attempt"
    );
    let (Some(old), Some(new)) = (&before.items, &after.items) else { return Ok(()) };
    let (done_before, done_after) = (Ranges::parse(&old.done), Ranges::parse(&new.done));
    prop_assert!(
        done_after.contains_all(&done_before),
        "ended items are no longer ended: {} then {}",
        done_before,
        done_after
    );
    prop_assert_eq!(
        done_after.iter().count(),
        usize::try_from(new.succeeded + new.failed).unwrap_or(0),
        "each ended item is counted once"
    );
    prop_assert!(
        new.active.iter().all(|item| !done_after.contains(item.index)),
        "an active item has ended already"
    );
    prop_assert!(new.active.len() <= max_parallel, "more items are active than maxParallel");
    if after.phase == StepPhase::Succeeded {
        prop_assert_eq!(new.total, new.succeeded + new.failed);
    }
    Ok(())
}

/// Checks that the running attempts are exactly those that the state contains as running.
pub(super) fn what_runs_is_known(state: &RunState, running: &[StartAttempt]) -> Checked {
    for start in running {
        let known = state.is_running(&start.key, start.attempt);
        prop_assert!(
            known,
            "attempt {} of {} is running, but the state does not contain it",
            start.attempt,
            start.key
        );
    }
    let runs =
        |key: &StepKey, attempt| running.iter().any(|start| start.key == *key && start.attempt == attempt);
    for step in state.steps.iter().filter(|step| !step.phase.is_final()) {
        let items = step.items.iter().flat_map(|items| items.active.iter().map(move |item| (item, items)));
        for (item, _) in items.filter(|(item, items)| is_running_item(item, items)) {
            let key = StepKey::item(&step.name, item.index);
            prop_assert!(runs(&key, item.attempt), "{} is not running", key);
        }
        let is_single = step.phase == StepPhase::Running && step.items.is_none() && step.next_at.is_none();
        let key = StepKey::step(&step.name);
        prop_assert!(!is_single || runs(&key, step.attempt.unwrap_or(0)), "{} is not running", key);
    }
    Ok(())
}

/// Checks that an unfinished run without running attempts waits for a time, a decision or a sub-run.
pub(super) fn something_is_awaited(state: &RunState) -> Checked {
    let item_awaits = |items: &ItemsStatus| {
        items.active.iter().any(|item| item.next_at.is_some() || item.waiting.is_some())
    };
    let awaits = |step: &StepStatus| {
        step.next_at.is_some() || step.waiting.is_some() || step.items.as_ref().is_some_and(item_awaits)
    };
    let mut open = state.steps.iter().filter(|step| !step.phase.is_final());
    prop_assert!(
        open.any(awaits),
        "the run has not ended, but no attempt is running and nothing is awaited: {:?}",
        state
    );
    Ok(())
}

/// Checks that an attempt starts at its due time at the earliest, within the number of attempts, and only
/// while the run accepts new attempts.
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
    let step = run.workflow().step(&start.key.step).expect("the step exists");
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
    prop_assert!(next_at.is_none_or(|due| due.0 <= now), "{} starts before it is due", key);
    if is_main(run, &step.name) {
        prop_assert!(cancel.is_none(), "{} starts in a cancelled run", key);
        prop_assert!(
            !before.steps.iter().any(|status| is_fatal(run, status, true)),
            "{} starts after a fatal failure",
            key
        );
    }
    Ok(())
}

/// Checks that the result of a finished run matches its steps, its cancellation and its deadline.
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
        let is_behind_failure =
            state.steps.iter().filter(needed).any(|status| is_fatal(run, status, is_main(run, &status.name)));
        let did_not_run = matches!(step.phase, StepPhase::Skipped | StepPhase::Cancelled);
        prop_assert!(
            !is_behind_failure || did_not_run,
            "{} ran, although a step that it needs has failed",
            step.name
        );
    }
    prop_assert_eq!(output.is_some(), *phase == RunPhase::Succeeded);
    prop_assert_eq!(error.is_none(), *phase == RunPhase::Succeeded);
    match phase {
        RunPhase::Succeeded => {
            let done = |phase| matches!(phase, StepPhase::Succeeded | StepPhase::Skipped | StepPhase::Failed);
            prop_assert!(state.steps.iter().all(|status| done(status.phase)), "{:?}", state);
            prop_assert!(!failed(true) && !failed(false), "a failure is not reported");
        }
        RunPhase::Failed => {
            let is_cut_off = state.steps.iter().any(|status| status.phase == StepPhase::Cancelled);
            prop_assert!(
                failed(true) || failed(false) || is_cut_off,
                "the run failed, but none of its steps failed or was cancelled"
            );
        }
        RunPhase::Cancelled => prop_assert!(cancel.is_some(), "the run was not cancelled"),
        RunPhase::TimedOut => prop_assert!(now >= run.deadline(), "the deadline had not passed"),
        other => prop_assert!(false, "{:?} is not a final phase", other),
    }
    Ok(())
}

fn is_main(run: &Run, step: &str) -> bool {
    run.workflow().steps().iter().any(|main| main.name == step)
}

/// Returns whether the step has failed without `continueOnError`, and is a main step if `main`, else an
/// `onExit` step.
fn is_fatal(run: &Run, status: &StepStatus, main: bool) -> bool {
    status.phase == StepPhase::Failed
        && is_main(run, &status.name) == main
        && run.workflow().step(&status.name).is_some_and(|step| !step.continue_on_error)
}
