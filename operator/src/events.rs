//! Kubernetes Events about transitions, shown by `kubectl describe`.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio_util::task::TaskTracker;

/// Maximum length of an Event's note that the API server accepts, in bytes.
const MAX_NOTE_BYTES: usize = 1024;

/// Publishes Events with the operator as the reporting controller.
#[derive(Clone)]
pub(crate) struct Events {
    recorder: Recorder,
    /// Events that are being written in the background.
    background: TaskTracker,
}

/// An Event that is to be published.
pub(crate) struct NewEvent {
    type_: EventType,
    action: &'static str,
    reason: &'static str,
    message: String,
}

impl NewEvent {
    /// Returns an Event of type `Normal`.
    pub(crate) fn normal(action: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { type_: EventType::Normal, action, reason, message: message.into() }
    }

    /// Returns an Event of type `Warning`: a user may have to act.
    pub(crate) fn warning(action: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { type_: EventType::Warning, action, reason, message: message.into() }
    }
}

impl Events {
    /// Returns a publisher for the operator process `instance`.
    pub(crate) fn new(client: Client, instance: &str) -> Self {
        let controller = crds::constants::OPERATOR_MANAGER.to_owned();
        let recorder = Recorder::new(client, Reporter { controller, instance: Some(instance.to_owned()) });
        Self { recorder, background: TaskTracker::new() }
    }

    /// Publishes an Event about an object. A failure is logged: it never makes the caller fail.
    pub(crate) async fn publish(&self, object: &ObjectReference, event: NewEvent) {
        let NewEvent { type_, action, reason, message } = event;
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(truncated(message)),
            action: action.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, object).await {
            tracing::warn!(%error, reason, object.name = object.name, "failed to publish an Event");
        }
    }

    /// Publishes an Event in a tracked background task, where the caller cannot wait for it.
    pub(crate) fn publish_in_background(&self, object: ObjectReference, event: NewEvent) {
        let events = self.clone();
        self.background.spawn(async move { events.publish(&object, event).await });
    }

    /// Waits until all Events that are being written in the background are published.
    pub(crate) async fn flush(&self) {
        self.background.close();
        self.background.wait().await;
    }
}

fn truncated(mut text: String) -> String {
    if text.len() > MAX_NOTE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_NOTE_BYTES - '…'.len_utf8()));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Event with a long message is accepted by the API server: the message is truncated between characters.
    #[test]
    fn a_long_message_is_truncated_between_characters() {
        let short = truncated("ä".repeat(2_000));
        assert!(short.len() <= MAX_NOTE_BYTES && short.ends_with("ä…"));
    }
}
