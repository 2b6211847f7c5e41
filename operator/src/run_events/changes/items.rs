//! Events about items of a step with `forEach`. A thousand items that fail give a few Events.

use crds::run::{ActiveItem, ItemFailure, ItemsStatus};

use super::text;
use crate::events::NewEvent;

/// Numbers of failed items at which an Event is published: each of the first, then each order of magnitude.
const REPORTED_FAILURES: [u32; 6] = [1, 2, 3, 10, 100, 1_000];

/// Returns an Event about items that have failed.
pub(super) fn failed(step: &str, before: &ItemsStatus, now: &ItemsStatus) -> Option<NewEvent> {
    let reported = |failed: u32| REPORTED_FAILURES.iter().filter(|number| **number <= failed).count();
    if reported(now.failed) <= reported(before.failed) {
        return None;
    }
    let known = usize::try_from(before.failed).unwrap_or(usize::MAX);
    let failures: Vec<_> = now.failures.iter().skip(known).map(describe).collect();
    let failures = if failures.is_empty() { String::new() } else { format!(": {}", text::list(&failures)) };
    let message = format!("{} of {} items of step {step} have failed{failures}", now.failed, now.total);
    Some(NewEvent::warning("Execute", "ItemsFailed", message))
}

fn describe(failure: &ItemFailure) -> String {
    let ItemFailure { index, code, message, label, kind: _, details: _ } = failure;
    format!("{}: {}", text::item(*index, label.as_ref()), text::error(code, message))
}

/// Returns an Event about the first attempt of an item that failed and is repeated.
pub(super) fn retried(step: &str, before: &ItemsStatus, now: &ItemsStatus) -> Option<NewEvent> {
    let has_failed = |item: &ActiveItem| item.code.is_some() || item.attempt > 1;
    if before.active.iter().any(has_failed) {
        return None;
    }
    let item = now.active.iter().find(|item| item.code.is_some())?;
    let attempt = if item.next_at.is_some() { item.attempt } else { item.attempt.saturating_sub(1) };
    let message = format!(
        "attempt {attempt} of {} of step {step} failed: {}; items that fail are tried again",
        text::item(item.index, item.label.as_ref()),
        item.code.as_deref().unwrap_or_default(),
    );
    Some(NewEvent::warning("Execute", "ItemRetried", message))
}
