//! What steps do: one attempt, from its start to its end.

mod ending;
mod hosted;
mod http;
mod keep;

use std::{collections::BTreeMap, sync::Arc};

use crds::{run::StepError, workflow::ErrorKind};
use domain::{
    egress::Egress,
    run::{Failure, Outcome, Output, Place, Run, Start, Work, error},
};
use protocol::host::{self, Action, Meta, StepId};
use serde_json::Value;

pub(crate) use ending::{Canceller, End, Ending, ending, passed};
pub(crate) use keep::store_error;

use crate::{
    api::ApiServer,
    host::HostLost,
    hosts::{HostUnavailable, Hosts},
    logs::{AttemptLog, Logs, Origin},
    secrets::{Redactor, Secrets},
};

/// What attempts need of the runner.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) run: Arc<Run>,
    pub(crate) run_name: Arc<str>,
    pub(crate) run_uid: Arc<str>,
    pub(crate) hosts: Hosts,
    pub(crate) egress: Arc<Egress>,
    pub(crate) logs: Logs,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) redactor: Redactor,
    /// `None`: there is none to be reached, and so no object storage.
    pub(crate) api: Option<ApiServer>,
}

/// Why an attempt gave no value.
#[derive(Debug)]
enum ActionError {
    Failed(Failure),
    /// The step's own code has not begun.
    NotStarted(StepError),
    Ended(End),
    Host(HostUnavailable),
}

/// Makes one attempt. `None` if it was cancelled: nobody waits for its outcome.
///
/// # Errors
/// A host is gone or never came. Then this pod is of no use: the attempt has no outcome, and another pod makes
/// the next one.
pub(crate) async fn attempt(
    means: Means,
    start: Start,
    id: StepId,
    mut ending: Ending,
) -> Result<Option<Outcome>, HostUnavailable> {
    let redactor = means.redactor.clone();
    match act(&means, start, id, &mut ending).await {
        Ok(output) => Ok(Some(Outcome::Succeeded(output))),
        Err(ActionError::Failed(mut failure)) => {
            redactor.step_error(&mut failure.error);
            Ok(Some(Outcome::Failed(failure)))
        }
        Err(ActionError::NotStarted(mut error)) => {
            redactor.step_error(&mut error);
            Ok(Some(Outcome::NotStarted(error)))
        }
        Err(ActionError::Ended(End::Deadline)) => Ok(Some(Outcome::TimedOut)),
        Err(ActionError::Ended(End::Cancel)) => Ok(None),
        Err(ActionError::Host(unavailable)) => Err(unavailable),
    }
}

async fn act(means: &Means, start: Start, id: StepId, ending: &mut Ending) -> Result<Output, ActionError> {
    let Start { place, attempt, idempotency_key, deadline: _, input, work } = start;
    let origin = Origin {
        run: Arc::clone(&means.run_name),
        run_uid: Arc::clone(&means.run_uid),
        step: place.step.as_str().into(),
        item: place.item,
        attempt,
    };
    let mut log = AttemptLog::new(means.logs.clone(), origin, means.redactor.clone());
    let given = match work {
        // Its host has imported what the step's `preload` names.
        Work::Python { code, preload: _, env } => {
            let given = Given { action: Action::Python { code }, env, input, idempotency_key };
            hosted(means, &place, attempt, id, given, &mut log, ending).await
        }
        Work::Container { command, args, env } => {
            let given = Given { action: Action::Container { command, args }, env, input, idempotency_key };
            hosted(means, &place, attempt, id, given, &mut log, ending).await
        }
        Work::Http(request) => tokio::select! {
            answer = http::call(means, &place.step, *request, &idempotency_key, &log) => {
                answer.map_err(ActionError::Failed)
            }
            end = ending.asked() => Err(ActionError::Ended(end)),
        },
        Work::Store(value) => {
            let stored = keep::store(means, value);
            return tokio::select! {
                stored = stored => stored.map_err(|error| ActionError::Failed(error.into())),
                end = ending.asked() => Err(ActionError::Ended(end)),
            };
        }
        // The run's own loop makes sub-runs.
        Work::Run(_) => {
            Err(ActionError::NotStarted(error(ErrorKind::Infra, "NOT_STARTED", "not a step's work")))
        }
    };
    log.end().await;
    let kept = keep::keep(means, &place, given?);
    tokio::select! {
        kept = kept => kept.map_err(|error| ActionError::Failed(error.into())),
        end = ending.asked() => Err(ActionError::Ended(end)),
    }
}

/// What a host is given.
struct Given {
    action: Action,
    env: BTreeMap<String, String>,
    input: Value,
    idempotency_key: String,
}

async fn hosted(
    means: &Means,
    place: &Place,
    attempt: u32,
    id: StepId,
    given: Given,
    log: &mut AttemptLog,
    ending: &mut Ending,
) -> Result<Value, ActionError> {
    let Given { action, env, input, idempotency_key } = given;
    let host = tokio::select! {
        host = means.hosts.of(&place.step) => host?,
        end = ending.asked() => return Err(ActionError::Ended(end)),
    };
    let meta = Meta {
        run: means.run_name.to_string(),
        step: place.step.clone(),
        item: place.item,
        attempt,
        idempotency_key,
    };
    // Programs have no `ctx`: what they are to know of secrets is in their environment.
    let secrets = match &action {
        Action::Python { .. } => host::Secrets(means.secrets.as_ref().clone()),
        Action::Container { .. } => host::Secrets::default(),
    };
    hosted::run(host::Start { id, action, input, env, meta, secrets }, &host, log, ending).await
}

impl From<HostLost> for ActionError {
    fn from(lost: HostLost) -> Self {
        Self::Host(lost.into())
    }
}

impl From<HostUnavailable> for ActionError {
    fn from(unavailable: HostUnavailable) -> Self {
        Self::Host(unavailable)
    }
}
