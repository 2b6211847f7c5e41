//! Execution of one attempt from its start to its outcome.

use std::{collections::BTreeMap, sync::Arc};

use crds::workflow::ErrorKind;
use domain::run::{Outcome, Output, StartAttempt, StepKey, Task, step_error};
use protocol::host::{self, Action, Meta, StepId};
use serde_json::Value;

use crate::{
    action::{
        context::StepContext,
        error::ActionError,
        hosted_step, http, output,
        stop::{StopReason, StopSignal},
    },
    logs::{AttemptLog, LogOrigin},
    step_host::HostUnavailable,
};

/// Executes one attempt. Returns `None` if it was cancelled, since nothing waits for its outcome then.
///
/// # Errors
/// Returns an error if a step host cannot be reached. This pod is unusable then: the attempt has no outcome, and
/// another pod executes the next one.
pub(crate) async fn execute_attempt(
    context: StepContext,
    start: StartAttempt,
    id: StepId,
    mut stop: StopSignal,
) -> Result<Option<Outcome>, HostUnavailable> {
    let redactor = context.redactor.clone();
    match execute(&context, start, id, &mut stop).await {
        Ok(output) => Ok(Some(Outcome::Succeeded(output))),
        Err(ActionError::Failed(mut failure)) => {
            redactor.redact_step_error(&mut failure.error);
            Ok(Some(Outcome::Failed(failure)))
        }
        Err(ActionError::NotStarted(mut error)) => {
            redactor.redact_step_error(&mut error);
            Ok(Some(Outcome::NotStarted(error)))
        }
        Err(ActionError::Stopped(StopReason::Deadline)) => Ok(Some(Outcome::TimedOut)),
        Err(ActionError::Stopped(StopReason::Cancelled)) => Ok(None),
        Err(ActionError::Host(unavailable)) => Err(unavailable),
    }
}

/// Executes the action of a step and stores its value if it is large.
async fn execute(
    context: &StepContext,
    start: StartAttempt,
    id: StepId,
    stop: &mut StopSignal,
) -> Result<Output, ActionError> {
    let StartAttempt { key, attempt, idempotency_key, deadline: _, label, input, task } = start;
    let origin = LogOrigin {
        run: Arc::clone(&context.run_name),
        run_uid: Arc::clone(&context.run_uid),
        step: key.step.as_str().into(),
        item: key.item,
        attempt,
    };
    let mut log = AttemptLog::new(context.logs.clone(), origin, context.redactor.clone());
    if let (Some(label), Some(index)) = (label, key.item) {
        log.write_note(format!("item {index}: {label}")).await;
    }
    let value = match task {
        // The host has already imported the modules that `preload` names.
        Task::Python { code, preload: _, env } => {
            let action = HostedAction { action: Action::Python { code }, env, input, idempotency_key };
            execute_hosted(context, &key, attempt, id, action, &mut log, stop).await
        }
        Task::Container { command, args, working_dir, env } => {
            let action = Action::Container { command, args, working_dir };
            let action = HostedAction { action, env, input, idempotency_key };
            execute_hosted(context, &key, attempt, id, action, &mut log, stop).await
        }
        Task::Http(request) => tokio::select! {
            response = http::call(context, &key.step, *request, &idempotency_key, &log) => {
                response.map_err(ActionError::Failed)
            }
            reason = stop.stopped() => Err(ActionError::Stopped(reason)),
        },
        Task::StoreOutput(value) => {
            return tokio::select! {
                stored = output::store(context, value) => {
                    stored.map_err(|error| ActionError::Failed(error.into()))
                }
                reason = stop.stopped() => Err(ActionError::Stopped(reason)),
            };
        }
        // The run's loop creates sub-runs itself.
        Task::CreateSubRun(_) => Err(ActionError::NotStarted(step_error(
            ErrorKind::Infra,
            "NOT_STARTED",
            "not an action of a step",
        ))),
    };
    log.finish().await;
    let value = value?;
    tokio::select! {
        output = output::redact_and_store(context, &key, value) => {
            output.map_err(|error| ActionError::Failed(error.into()))
        }
        reason = stop.stopped() => Err(ActionError::Stopped(reason)),
    }
}

/// Action for a step host, with the environment, input and idempotency key of the step.
struct HostedAction {
    action: Action,
    env: BTreeMap<String, String>,
    input: Value,
    idempotency_key: String,
}

/// Executes an action in the step's host.
async fn execute_hosted(
    context: &StepContext,
    key: &StepKey,
    attempt: u32,
    id: StepId,
    action: HostedAction,
    log: &mut AttemptLog,
    stop: &mut StopSignal,
) -> Result<Value, ActionError> {
    let HostedAction { action, env, input, idempotency_key } = action;
    let host = tokio::select! {
        host = context.hosts.for_step(&key.step) => host?,
        reason = stop.stopped() => return Err(ActionError::Stopped(reason)),
    };
    let meta = Meta {
        run: context.run_name.to_string(),
        step: key.step.clone(),
        item: key.item,
        attempt,
        idempotency_key,
    };
    // Programs have no `ctx`; they receive secrets only through their environment.
    let secrets = match &action {
        Action::Python { .. } => host::Secrets(context.secrets.as_ref().clone()),
        Action::Container { .. } => host::Secrets::default(),
    };
    hosted_step::execute(host::Start { id, action, input, env, meta, secrets }, &host, log, stop).await
}
