//! A run in this pod: load, resume, execute, report.

mod attempts;
mod children;
mod execution;
mod flight;
mod held;
mod leave;
mod load;
mod report;
mod status;
mod write;

use std::{path::Path, sync::Arc};

use domain::run::{Finish, State};
use tokio::{sync::mpsc, task::JoinError};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub(crate) use held::Held;

use crate::{
    action::Means,
    api::ApiServer,
    assignment::Assignment,
    chain::chain,
    hosts::{Connections, HostUnavailable, Hosts},
    logs::Logs,
    run::{
        children::Children,
        execution::{Beginning, Execution},
        load::{LoadError, Loaded, load},
        report::{End, Report},
    },
    store::{ReadError, Store, WriteError},
};

/// What a runner is given to work with.
pub(crate) struct Setting<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) pod_uid: &'a str,
    pub(crate) python_image: &'a str,
    pub(crate) hosts: Connections,
    /// Where the workflow's secrets are: `<name>/<key>`.
    pub(crate) secrets: &'a Path,
    /// `None`: there is none to be reached.
    pub(crate) api: Option<&'a ApiServer>,
    pub(crate) logs: Logs,
    /// Cancelled by SIGTERM.
    pub(crate) stop: CancellationToken,
}

/// How a run left this pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has ended, and that is written.
    Finished,
    /// It waits for long, and no pod holds it.
    Suspended,
    /// It is held elsewhere, or gone: nothing more was written.
    Lost,
    /// It was given back, for another pod to go on.
    HandedBack,
}

/// Why a run cannot go on in this pod. The operator makes another one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Host(#[from] HostUnavailable),
    #[error("failed to follow an attempt")]
    Attempt(#[source] JoinError),
    #[error("failed to hear of assignments: the watch has ended")]
    Assignments,
}

/// Executes the run from where its status says it is.
pub(crate) async fn execute<'a, S: Store>(
    setting: &'a Setting<'a, S>,
    held: Held,
    assignments: &mut mpsc::Receiver<Assignment>,
) -> Result<Left, RunError> {
    let loaded = match load(setting, &held).await {
        Ok(loaded) => loaded,
        Err(failed) => return refuse(setting, &held, failed).await,
    };
    let Loaded { run, hosts, egress, secrets, redactor, steps, waited, children } = loaded;
    info!(run.name = held.name, run.id = held.uid, "holding a run");
    let state = State { steps, ending: held.ending.clone() };
    let state = run.resume(&state, &held.lost, telemetry::clock::now());
    let means = Means {
        run: Arc::new(run),
        run_name: held.name.as_str().into(),
        run_uid: held.uid.as_str().into(),
        hosts: Hosts::new(hosts, setting.hosts.clone()),
        egress: Arc::new(egress),
        logs: setting.logs.clone(),
        secrets: Arc::new(secrets),
        redactor,
        api: setting.api.cloned(),
    };
    let beginning = Beginning { means, held, waited, state, children: Children::new(children) };
    Execution::new(setting, beginning).run(assignments).await
}

/// A run that no pod can execute has failed; anything else is left to the next pod.
async fn refuse(setting: &Setting<'_, impl Store>, held: &Held, failed: LoadError) -> Result<Left, RunError> {
    let finish: Option<Finish> = failed.finish();
    match (failed, finish) {
        (LoadError::Read(failed), None) => Err(failed.into()),
        (failed, None) => {
            error!(error = %chain(&failed), run.name = held.name, "cannot execute the run");
            Ok(Left::Lost)
        }
        (_, Some(finish)) => {
            let now = telemetry::clock::now();
            let (steps, waited) = (held.steps.clone(), held.waited_until(now));
            let report = Report { held, steps: &steps, ending: None, waited };
            let patch = report::end(&report, &End { finish: &finish, stored: None }, now);
            write::write(setting.store, &held.name, patch).await?;
            Ok(Left::Finished)
        }
    }
}

#[cfg(test)]
mod tests;
