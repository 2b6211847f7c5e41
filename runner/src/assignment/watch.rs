//! Watches the runs whose `status.runner.podUid` is the UID of this pod.

use std::{collections::BTreeSet, pin::pin};

use crds::WorkflowRun;
use futures::{Stream, StreamExt as _};
use kube::{
    Api, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use telemetry::errors::chain;
use tokio::sync::mpsc;
use tracing::warn;

use crate::assignment::event::AssignmentEvent;

/// The stream of watch events has ended, although the watch restarts itself after failures.
#[derive(Debug, thiserror::Error)]
#[error("the watch for assignments has ended unexpectedly")]
pub(crate) struct WatchError;

/// Sends every change of an assignment to `to` until the receiver is dropped. A broken watch is restarted with
/// exponential backoff.
///
/// # Errors
/// Returns an error if the stream of events ends.
pub(crate) async fn watch(
    runs: Api<WorkflowRun>,
    pod_uid: &str,
    to: mpsc::Sender<AssignmentEvent>,
) -> Result<(), WatchError> {
    let config = watcher::Config::default().fields(&format!("status.runner.podUid={pod_uid}"));
    // At least 0.8 s and at most 30 s between two attempts, with jitter.
    let events = watcher(runs, config).default_backoff();
    forward(events, to).await
}

/// Sends the assignment events that follow from the watch events. A run that is missing from a new list counts as
/// possibly revoked.
async fn forward(
    events: impl Stream<Item = watcher::Result<Event<WorkflowRun>>>,
    to: mpsc::Sender<AssignmentEvent>,
) -> Result<(), WatchError> {
    let mut events = pin!(events);
    let mut known = BTreeSet::new();
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        let assignments = match event {
            Ok(Event::Apply(run)) => {
                known.insert(run.name_any());
                vec![AssignmentEvent::Assigned(Box::new(run))]
            }
            Ok(Event::Delete(run)) => {
                known.remove(&run.name_any());
                vec![AssignmentEvent::PossiblyRevoked { run: run.name_any() }]
            }
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(run)) => {
                listed.insert(run.name_any());
                vec![AssignmentEvent::Assigned(Box::new(run))]
            }
            Ok(Event::InitDone) => {
                let before = std::mem::replace(&mut known, std::mem::take(&mut listed));
                before
                    .difference(&known)
                    .map(|run| AssignmentEvent::PossiblyRevoked { run: run.clone() })
                    .collect()
            }
            Err(error) => {
                warn!(
                    error = %chain(&error),
                    "the watch for assignments failed; restarting it"
                );
                Vec::new()
            }
        };
        for assignment in assignments {
            if to.send(assignment).await.is_err() {
                return Ok(());
            }
        }
    }
    Err(WatchError)
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn run(name: &str) -> WorkflowRun {
        WorkflowRun::new(name, crds::WorkflowRunSpec::default())
    }

    /// Returns the forwarded events as `+run` for an assignment and `-run` for a possible revocation.
    async fn forwarded(events: Vec<Event<WorkflowRun>>) -> Vec<String> {
        let (to, mut from) = mpsc::channel(16);
        assert!(forward(stream::iter(events.into_iter().map(Ok)), to).await.is_err());
        let mut received = Vec::new();
        while let Some(assignment) = from.recv().await {
            received.push(match assignment {
                AssignmentEvent::Assigned(run) => format!("+{}", run.name_any()),
                AssignmentEvent::PossiblyRevoked { run } => format!("-{run}"),
            });
        }
        received
    }

    /// A watch that fails goes on: its failures are skipped, and later assignments are received.
    #[tokio::test]
    async fn assignments_are_received_after_a_failure_of_the_watch() {
        let (to, mut from) = mpsc::channel(16);
        let events = [Err(watcher::Error::NoResourceVersion), Ok(Event::Apply(run("a")))];
        assert!(forward(stream::iter(events), to).await.is_err(), "the stream of the test ends");
        assert!(
            matches!(from.recv().await, Some(AssignmentEvent::Assigned(found)) if found.name_any() == "a")
        );
    }

    /// A run that was reassigned while the watch was broken is reported as possibly revoked after the next list.
    #[tokio::test]
    async fn a_run_missing_from_a_new_list_is_possibly_revoked() {
        let first = [Event::Init, Event::InitApply(run("a")), Event::InitDone, Event::Apply(run("b"))];
        let second = [Event::Init, Event::InitApply(run("b")), Event::InitDone, Event::Delete(run("b"))];
        assert_eq!(
            forwarded(first.into_iter().chain(second).collect()).await,
            ["+a", "+b", "+b", "-a", "-b"]
        );
    }
}
