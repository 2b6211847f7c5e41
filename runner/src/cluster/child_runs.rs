//! Creation, cancellation and watch of sub-runs: the WorkflowRuns that steps of another run start.

use std::{collections::BTreeSet, pin::pin};

use crds::{WorkflowRun, constants::RUNNER_MANAGER, labels::PARENT, run::Cancel};
use domain::run::is_same_run;
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
use telemetry::errors::chain;
use tokio::sync::mpsc;
use tracing::warn;

use crate::cluster::{
    api::ChildRunEvent,
    errors::{CreateError, WriteError, status_code},
};

/// Creates a sub-run. An existing one of the same parent and step, with the same content, counts as created.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the object, or if the name is taken.
pub(super) async fn create(runs: &Api<WorkflowRun>, run: &WorkflowRun) -> Result<(), CreateError> {
    let name = run.name_any();
    let params = PostParams { field_manager: Some(RUNNER_MANAGER.to_owned()), ..PostParams::default() };
    match k8s_client::create(runs, &params, run).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = runs.get(&name).await.map_err(|source| CreateError::new(&name, source))?;
            if is_same_run(&found.spec, &run.spec) { Ok(()) } else { Err(CreateError::Taken { run: name }) }
        }
        Err(source) => Err(CreateError::new(&name, source)),
    }
}

/// Sets `spec.cancel` of a run.
///
/// # Errors
/// Returns an error if the API server cannot be reached or does not permit the change.
pub(super) async fn cancel(runs: &Api<WorkflowRun>, name: &str, cancel: Cancel) -> Result<(), WriteError> {
    let params = PatchParams { field_manager: Some(RUNNER_MANAGER.to_owned()), ..PatchParams::default() };
    match runs.patch(name, &params, &Patch::Merge(json!({"spec": {"cancel": cancel}}))).await {
        Ok(_) => Ok(()),
        // The run does not exist, or is already being cancelled immediately: that never becomes a graceful cancellation.
        Err(error) if matches!(status_code(&error), Some(404 | 422)) => Ok(()),
        Err(source) => Err(WriteError::new(name, source)),
    }
}

/// Sends all sub-runs of `parent`, and then their changes, until the receiver is dropped.
pub(super) async fn watch(runs: Api<WorkflowRun>, parent: &str, to: mpsc::Sender<ChildRunEvent>) {
    let config = watcher::Config::default().labels(&format!("{PARENT}={parent}"));
    let mut events = pin!(watcher(runs, config).default_backoff());
    let (mut known, mut listed) = (BTreeSet::new(), BTreeSet::new());
    while let Some(event) = events.next().await {
        let changes: Vec<ChildRunEvent> = match event {
            Ok(Event::Apply(run)) => {
                known.insert(run.name_any());
                vec![ChildRunEvent::Applied(Box::new(run))]
            }
            Ok(Event::InitApply(run)) => {
                listed.insert(run.name_any());
                vec![ChildRunEvent::Applied(Box::new(run))]
            }
            Ok(Event::Delete(run)) => {
                known.remove(&run.name_any());
                vec![ChildRunEvent::Deleted(run.name_any())]
            }
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitDone) => {
                let deleted = known.difference(&listed).cloned().map(ChildRunEvent::Deleted).collect();
                known = std::mem::take(&mut listed);
                deleted
            }
            Err(error) => {
                warn!(error = %chain(&error), "the watch for sub-runs failed; restarting it");
                Vec::new()
            }
        };
        for event in changes {
            if to.send(event).await.is_err() {
                return;
            }
        }
    }
}
