//! Watches the runs whose `status.runner.podUid` is this pod's.

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
use tokio::sync::mpsc;
use tracing::warn;

use crate::{assignment::Assignment, chain::chain};

/// The stream of events has ended, which it never does by itself.
#[derive(Debug, thiserror::Error)]
#[error("failed to watch for assignments: the stream has ended")]
pub(crate) struct WatchError;

/// Reports until nobody listens. Broken watches are taken up again with growing pauses.
pub(crate) async fn watch(
    runs: Api<WorkflowRun>,
    pod_uid: &str,
    to: mpsc::Sender<Assignment>,
) -> Result<(), WatchError> {
    let config = watcher::Config::default().fields(&format!("status.runner.podUid={pod_uid}"));
    let events = watcher(runs, config).default_backoff();
    report(events, to).await
}

async fn report(
    events: impl Stream<Item = watcher::Result<Event<WorkflowRun>>>,
    to: mpsc::Sender<Assignment>,
) -> Result<(), WatchError> {
    let mut events = pin!(events);
    let mut known = BTreeSet::new();
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        let assignments = match event {
            Ok(Event::Apply(run)) => {
                known.insert(run.name_any());
                vec![Assignment::Held(Box::new(run))]
            }
            Ok(Event::Delete(run)) => {
                known.remove(&run.name_any());
                vec![Assignment::Doubtful { run: run.name_any() }]
            }
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(run)) => {
                listed.insert(run.name_any());
                vec![Assignment::Held(Box::new(run))]
            }
            Ok(Event::InitDone) => {
                let before = std::mem::replace(&mut known, std::mem::take(&mut listed));
                before.difference(&known).map(|run| Assignment::Doubtful { run: run.clone() }).collect()
            }
            Err(error) => {
                warn!(
                    error = %chain(&error),
                    "the watch for assignments broke; taking it up again"
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

    async fn reported(events: Vec<Event<WorkflowRun>>) -> Vec<String> {
        let (to, mut from) = mpsc::channel(16);
        assert!(report(stream::iter(events.into_iter().map(Ok)), to).await.is_err());
        let mut seen = Vec::new();
        while let Some(assignment) = from.recv().await {
            seen.push(match assignment {
                Assignment::Held(run) => format!("+{}", run.name_any()),
                Assignment::Doubtful { run } => format!("-{run}"),
            });
        }
        seen
    }

    /// A runner whose watch broke while its run was given away goes on with it for ever.
    #[tokio::test]
    async fn a_run_that_is_missing_after_a_new_list_is_in_doubt() {
        let first = [Event::Init, Event::InitApply(run("a")), Event::InitDone, Event::Apply(run("b"))];
        let second = [Event::Init, Event::InitApply(run("b")), Event::InitDone, Event::Delete(run("b"))];
        assert_eq!(reported(first.into_iter().chain(second).collect()).await, ["+a", "+b", "+b", "-a", "-b"]);
    }
}
