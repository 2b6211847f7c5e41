//! Sub-runs: objects of their own, made and cancelled by the run whose step they are.

use std::{collections::BTreeSet, pin::pin};

use crds::{WorkflowRun, constants::RUNNER_MANAGER, labels::PARENT, run::Cancel};
use futures::StreamExt as _;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use serde_json::json;
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    chain::chain,
    store::{ChildEvent, CreateError, WriteError, errors::code},
};

pub(super) async fn create(runs: &Api<WorkflowRun>, run: &WorkflowRun) -> Result<(), CreateError> {
    let name = run.name_any();
    let params = PostParams { field_manager: Some(RUNNER_MANAGER.to_owned()), ..PostParams::default() };
    match runs.create(&params, run).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some(409) => {
            let found = runs.get(&name).await.map_err(|source| CreateError::new(&name, source))?;
            let is_ours = parent(&found) == parent(run);
            if is_ours { Ok(()) } else { Err(CreateError::Taken { run: name }) }
        }
        Err(source) => Err(CreateError::new(&name, source)),
    }
}

/// Whose, and of which step.
fn parent(run: &WorkflowRun) -> Option<(&str, &str)> {
    let parent = run.spec.trigger.as_ref()?.parent.as_ref()?;
    Some((&parent.uid, &parent.step))
}

pub(super) async fn cancel(runs: &Api<WorkflowRun>, name: &str, cancel: Cancel) -> Result<(), WriteError> {
    let params = PatchParams { field_manager: Some(RUNNER_MANAGER.to_owned()), ..PatchParams::default() };
    match runs.patch(name, &params, &Patch::Merge(json!({"spec": {"cancel": cancel}}))).await {
        Ok(_) => Ok(()),
        // It is gone, or is being cancelled in another way: that is set once.
        Err(error) if matches!(code(&error), Some(404 | 422)) => Ok(()),
        Err(source) => Err(WriteError::new(name, source)),
    }
}

pub(super) async fn watch(runs: Api<WorkflowRun>, parent: &str, to: mpsc::Sender<ChildEvent>) {
    let config = watcher::Config::default().labels(&format!("{PARENT}={parent}"));
    let mut events = pin!(watcher(runs, config).default_backoff());
    let (mut known, mut listed) = (BTreeSet::new(), BTreeSet::new());
    while let Some(event) = events.next().await {
        let reported: Vec<ChildEvent> = match event {
            Ok(Event::Apply(run)) => {
                known.insert(run.name_any());
                vec![ChildEvent::Seen(Box::new(run))]
            }
            Ok(Event::InitApply(run)) => {
                listed.insert(run.name_any());
                vec![ChildEvent::Seen(Box::new(run))]
            }
            Ok(Event::Delete(run)) => {
                known.remove(&run.name_any());
                vec![ChildEvent::Gone(run.name_any())]
            }
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitDone) => {
                let gone = known.difference(&listed).cloned().map(ChildEvent::Gone).collect();
                known = std::mem::take(&mut listed);
                gone
            }
            Err(error) => {
                warn!(error = %chain(&error), "trying to watch sub-runs again");
                Vec::new()
            }
        };
        for event in reported {
            if to.send(event).await.is_err() {
                return;
            }
        }
    }
}
