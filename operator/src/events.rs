//! Events that a person would want to see in `kubectl describe`: on transitions only.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

/// The longest note that the API takes, in bytes.
const MAX_NOTE: usize = 1024;

/// Writes Events in the operator's name.
#[derive(Clone)]
pub(crate) struct Events(Recorder);

/// What is worth telling.
pub(crate) struct Note {
    type_: EventType,
    action: &'static str,
    reason: &'static str,
    text: String,
}

impl Note {
    /// Something went as it should.
    pub(crate) fn normal(action: &'static str, reason: &'static str, text: impl Into<String>) -> Self {
        Self { type_: EventType::Normal, action, reason, text: text.into() }
    }

    /// Somebody may have to act.
    pub(crate) fn warning(action: &'static str, reason: &'static str, text: impl Into<String>) -> Self {
        Self { type_: EventType::Warning, action, reason, text: text.into() }
    }
}

impl Events {
    /// Events of the operator `instance`.
    pub(crate) fn new(client: Client, instance: &str) -> Self {
        let controller = crds::constants::OPERATOR_MANAGER.to_owned();
        Self(Recorder::new(client, Reporter { controller, instance: Some(instance.to_owned()) }))
    }

    /// Tells `note` about `object`. A note that cannot be written is logged: it is never the reason that
    /// the work itself fails.
    pub(crate) async fn tell(&self, object: &ObjectReference, note: Note) {
        let Note { type_, action, reason, text } = note;
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(shortened(text)),
            action: action.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, object).await {
            tracing::warn!(%error, reason, object.name = object.name, "failed to write an Event");
        }
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_NOTE {
        text.truncate(text.floor_char_boundary(MAX_NOTE - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Event about a workflow with many problems is refused, and nobody hears of any.
    #[test]
    fn a_long_note_is_cut_between_characters() {
        let short = shortened("ä".repeat(2_000));
        assert!(short.len() <= MAX_NOTE && short.ends_with("ä…"));
    }
}
