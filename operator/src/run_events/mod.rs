//! Events about runs, from the changes of their objects. See [decision 18](../../../docs/decisions/0018-events-of-runs.md).

mod changes;
mod trim;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crds::WorkflowRun;
use kube::Resource as _;

use crate::events::{Events, NewEvent};

pub(crate) use trim::trim;

/// Maximum number of Events of one reason about a run. A tenant chooses how often steps fail, wait and are decided on, and
/// there are about fifteen reasons.
const MAX_EVENTS_OF_REASON: u8 = 10;

/// Publisher of Events about runs. Clones share their counts.
///
/// A run that is unknown, as all are after the start of the operator, has no previous content: nothing is published about it
/// until it changes, so that a restart publishes nothing twice.
#[derive(Clone)]
pub(crate) struct RunEvents {
    events: Events,
    /// Number of Events of each reason about each unfinished run, by UID.
    published: Arc<Mutex<HashMap<String, HashMap<&'static str, u8>>>>,
}

impl RunEvents {
    /// Returns a publisher that has published nothing.
    pub(crate) fn new(events: Events) -> Self {
        Self { events, published: Arc::default() }
    }

    /// Publishes what has happened to an unfinished run. `previous` is its content before the change.
    pub(crate) fn publish_change(&self, previous: &WorkflowRun, current: &WorkflowRun) {
        // Another run may have got the name while the watch was interrupted.
        if previous.metadata.uid == current.metadata.uid {
            self.publish(current, || changes::events(previous, current));
        }
    }

    /// Publishes what happened last to a run that has ended, and its end. The API server stores the end once, however often
    /// it is published.
    pub(crate) fn publish_end(&self, previous: Option<&WorkflowRun>, ended: &WorkflowRun) {
        if let Some(previous) = previous {
            self.publish_change(previous, ended);
        }
        self.publish(ended, || changes::end(ended).into_iter().collect());
        self.forget(ended);
    }

    /// Forgets a run that has ended or was deleted.
    pub(crate) fn forget(&self, run: &WorkflowRun) {
        if let Some(uid) = &run.metadata.uid {
            self.published.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        }
    }

    fn publish(&self, run: &WorkflowRun, events: impl FnOnce() -> Vec<NewEvent>) {
        // No object may end the watch.
        let events = match compute::catch_panic(events) {
            Ok(events) => events,
            Err(panic) => return tracing::error!(error = %panic, "failed to describe the change of a run"),
        };
        let uid = run.metadata.uid.clone().unwrap_or_default();
        for event in events.into_iter().filter_map(|event| self.count(&uid, event)) {
            self.events.publish_in_background(&run.object_ref(&()), event);
        }
    }

    /// Returns the Event if the run has had fewer than [`MAX_EVENTS_OF_REASON`] of its reason. The last one says so.
    fn count(&self, uid: &str, event: NewEvent) -> Option<NewEvent> {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let count = published.entry(uid.to_owned()).or_default().entry(event.reason()).or_insert(0);
        if *count >= MAX_EVENTS_OF_REASON {
            return None;
        }
        *count += 1;
        Some(match *count {
            MAX_EVENTS_OF_REASON => {
                event.followed_by(" (no further Events of this reason are published about this run)")
            }
            _ => event,
        })
    }
}
