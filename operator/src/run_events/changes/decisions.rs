//! Events about decisions on approvals that were refused.

use crds::run::{StepStatus, Waiting};

use super::text;
use crate::events::NewEvent;

/// Returns an Event for each decision on a step, or on one of its items, that was refused.
pub(super) fn refused(before: &StepStatus, now: &StepStatus) -> Vec<NewEvent> {
    let earlier = approvals(before);
    let is_new = |(key, _, generation): &(String, String, i64)| {
        !earlier.iter().any(|(known, _, refused)| known == key && refused == generation)
    };
    let refused = approvals(now).into_iter().filter(is_new);
    refused
        .map(|(key, message, _)| {
            let message = format!(
                "the decision on {key} was refused: {}; replace it in spec.decisions by another one with the same key",
                text::beginning(&message),
            );
            NewEvent::warning("Decide", "DecisionRefused", message)
        })
        .collect()
}

/// Returns the key, message and generation of each refused decision.
fn approvals(step: &StepStatus) -> Vec<(String, String, i64)> {
    let refused = |key: String, waiting: &Option<Waiting>| {
        let refused = waiting.as_ref()?.refused.as_ref()?;
        Some((key, refused.message.clone(), refused.generation))
    };
    let active = step.items.iter().flat_map(|items| &items.active);
    let items = active.filter_map(|item| refused(format!("{}/{}", step.name, item.index), &item.waiting));
    refused(step.name.clone(), &step.waiting).into_iter().chain(items).collect()
}
