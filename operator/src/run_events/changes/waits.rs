//! Events about what a run waits for.

use crds::{
    WorkflowRunStatus,
    run::{RunPhase, StepPhase, StepStatus, Waiting, WaitingFor},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::{super::trim::is_reduced, text};
use crate::events::NewEvent;

/// Returns an Event about the suspension of the run, which says for whom and what it waits, or else about the steps that
/// began to wait while others are running.
pub(super) fn events(before: &WorkflowRunStatus, now: &WorkflowRunStatus) -> Vec<NewEvent> {
    if now.phase == Some(RunPhase::Suspended) && before.phase != Some(RunPhase::Suspended) {
        let waits: Vec<_> = now.steps.iter().filter_map(describe).collect();
        let message = format!("suspended, and holds no pod: {}", text::list(&waits));
        return vec![NewEvent::normal("Suspend", "Suspended", message)];
    }
    if is_reduced(before) {
        return Vec::new();
    }
    let waited = |name: &str| before.steps.iter().any(|step| step.name == name && is_waiting(step));
    let began = now.steps.iter().filter(|step| is_waiting(step) && !waited(&step.name));
    began.filter_map(describe).map(|message| NewEvent::normal("Suspend", "StepWaiting", message)).collect()
}

fn is_waiting(step: &StepStatus) -> bool {
    let mut items = step.items.iter().flat_map(|items| &items.active);
    step.waiting.is_some() || items.any(|item| item.waiting.is_some())
}

/// Returns what a step, or the first of its items, waits for.
fn describe(step: &StepStatus) -> Option<String> {
    let name = &step.name;
    if let Some(waiting) = &step.waiting {
        return Some(format!("step {name} waits for {}", awaited(waiting, step.next_at.as_ref())));
    }
    if step.phase == StepPhase::Pending
        && let Some(at) = &step.next_at
    {
        return Some(format!("step {name} waits for its next attempt at {}", text::time(at)));
    }
    let active = step.items.as_ref().map(|items| items.active.as_slice()).unwrap_or_default();
    let mut waiting = active.iter().filter_map(|item| Some((item, item.waiting.as_ref()?)));
    let (item, reason) = waiting.next()?;
    let others = match waiting.count() {
        0 => String::new(),
        others => format!(", and {others} more items wait"),
    };
    let item_name = text::item(item.index, item.label.as_ref());
    Some(format!("{item_name} of step {name} waits for {}{others}", awaited(reason, item.next_at.as_ref())))
}

fn awaited(waiting: &Waiting, until: Option<&MicroTime>) -> String {
    let until = until.map(text::time);
    let at_most = || until.as_ref().map(|until| format!(", at most until {until}")).unwrap_or_default();
    match waiting.reason {
        WaitingFor::Approval => {
            let roles =
                if waiting.roles.is_empty() { "admin".to_owned() } else { waiting.roles.join(" or ") };
            format!("an approval by a user with the role {roles}{}", at_most())
        }
        WaitingFor::Time => match until {
            Some(until) => format!("the time {until}"),
            None => "a time".to_owned(),
        },
        WaitingFor::Run => {
            let run = waiting.run.as_deref().unwrap_or_default();
            format!("the end of run {run}{}", at_most())
        }
    }
}
