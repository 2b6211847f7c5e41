//! What steps do: one attempt, from its start to its end.

mod ending;
mod http;
mod python;

use std::sync::Arc;

use crds::run::StepError;
use domain::{
    egress::Egress,
    run::{Outcome, Run, Start, Work, error},
};
use protocol::host::{Meta, StepId, Stream};
use serde_json::Value;

pub(crate) use ending::{Canceller, End, Ending, ending, passed};

use crate::{
    host::HostLost,
    hosts::{HostUnavailable, Hosts},
    logs::{Logs, Origin},
};

/// What attempts need of the runner.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) run: Arc<Run>,
    pub(crate) run_name: String,
    pub(crate) hosts: Hosts,
    pub(crate) egress: Arc<Egress>,
    pub(crate) logs: Logs,
}

/// Why an attempt gave no value.
#[derive(Debug)]
enum ActionError {
    Failed(StepError),
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
    ending: Ending,
) -> Result<Option<Outcome>, HostUnavailable> {
    match act(means, start, id, ending).await {
        Ok(value) => Ok(Some(Outcome::Succeeded(value.into()))),
        Err(ActionError::Failed(error)) => Ok(Some(Outcome::Failed(error.into()))),
        Err(ActionError::Ended(End::Deadline)) => Ok(Some(Outcome::TimedOut)),
        Err(ActionError::Ended(End::Cancel)) => Ok(None),
        Err(ActionError::Host(unavailable)) => Err(unavailable),
    }
}

async fn act(means: Means, start: Start, id: StepId, mut ending: Ending) -> Result<Value, ActionError> {
    let Start { place, attempt, idempotency_key, deadline: _, input, work } = start;
    let step = place.step;
    let origin = Origin { run: means.run_name.as_str().into(), step: step.as_str().into(), attempt };
    match work {
        // The host has imported what the step's `preload` names.
        Work::Python { code, preload: _, env } => {
            let host = tokio::select! {
                host = means.hosts.of(&step) => host?,
                end = ending.asked() => return Err(ActionError::Ended(end)),
            };
            let meta = Meta { run: means.run_name.clone(), step, item: None, attempt, idempotency_key };
            let log = python::Log { logs: &means.logs, origin: &origin };
            python::run(python::Python { code, input, env, meta }, id, &host, log, ending).await
        }
        Work::Http(request) => tokio::select! {
            answer = call(&means, &origin, *request, &idempotency_key) => answer.map_err(ActionError::Failed),
            end = ending.asked() => Err(ActionError::Ended(end)),
        },
        // No workflow with such steps is valid yet.
        Work::Container { .. } | Work::Run(_) | Work::Store(_) => Err(ActionError::Failed(error(
            crds::workflow::ErrorKind::Infra,
            "NOT_AVAILABLE",
            "this runner cannot do that",
        ))),
    }
}

/// Sends a request and judges its answer by the step's `success`.
async fn call(
    means: &Means,
    origin: &Origin,
    request: domain::run::Request,
    idempotency_key: &str,
) -> Result<Value, StepError> {
    let request = http::Request::parse(request, idempotency_key).map_err(http::HttpError::into_step_error)?;
    let summary = request.summary();
    let response = http::send(request, &means.egress).await;
    let ended = response.as_ref().map_or_else(ToString::to_string, |response| response.status.to_string());
    means.logs.line(origin.line(Stream::Stdout, format!("{summary}: {ended}"), false)).await;
    let response = response.map_err(http::HttpError::into_step_error)?;
    let success = means.run.http_succeeded(&origin.step, response.status, &response.headers, &response.body);
    match success {
        Ok(true) => Ok(response.into_output()),
        Ok(false) => Err(response.into_step_error(&summary)),
        Err(failed) => {
            Err(error(crds::workflow::ErrorKind::User, failed.code(), format!("http.success: {failed}")))
        }
    }
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
