//! One attempt of an `http` step: sends the request, logs it, and evaluates the response.

use std::time::Duration;

use crds::workflow::ErrorKind;
use domain::run::{Failure, step_error};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    action::{
        context::StepContext,
        http::{address::Resolver, client::send, errors::HttpError, request::Request, response::Response},
    },
    logs::AttemptLog,
};

/// Sends a step's request and evaluates the response with the step's `success` expression.
///
/// # Errors
/// Returns a failure if the request cannot be sent, the response cannot be read, or it is not a success.
pub(in crate::action) async fn call(
    context: &StepContext,
    step: &str,
    rendered: domain::run::HttpRequest,
    idempotency_key: &str,
    log: &AttemptLog,
) -> Result<Value, Failure> {
    let since = Instant::now();
    let fail = |failed: HttpError| with_duration(failed.into_step_error().into(), since);
    let request =
        Request::parse(rendered, (idempotency_key, context.span), &context.secrets).map_err(fail)?;
    let summary = request.summary();
    let response = send(request, &Resolver::Egress(&context.egress), &context.redactor).await;
    let result = response.as_ref().map_or_else(ToString::to_string, |response| response.status.to_string());
    log.write_note(format!("{summary}: {result} after {} ms", since.elapsed().as_millis())).await;
    let response = response.map_err(fail)?;
    match context.run.http_succeeded(step, response.status, &response.headers, &response.body) {
        Ok(true) => Ok(response.into_output()),
        Ok(false) => Err(unsuccessful(response, &summary, since)),
        Err(failed) => {
            let message = format!("http.success: {failed}");
            Err(with_duration(step_error(ErrorKind::User, failed.code(), message).into(), since))
        }
    }
}

/// Returns the failure for a response that is not a success.
fn unsuccessful(response: Response, summary: &str, since: Instant) -> Failure {
    let retry_after = response.retry_after(telemetry::clock::now());
    let error = response.into_step_error(summary);
    with_duration(Failure { error, retry_after }, since)
}

/// Adds the time since the start of the attempt to the failure's details.
fn with_duration(mut failure: Failure, since: Instant) -> Failure {
    let millis = |taken: Duration| u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    let details = failure.error.details.get_or_insert_with(|| json!({}));
    if let Value::Object(details) = details {
        details.insert("durationMs".to_owned(), json!(millis(since.elapsed())));
    }
    failure
}
