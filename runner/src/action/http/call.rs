//! One attempt at an `http` step: the request, its line in the log, and what its answer means.

use std::time::Duration;

use crds::workflow::ErrorKind;
use domain::run::{Failure, error};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    action::{
        Means,
        http::{HttpError, address::Resolver, request::Request, response::Response, send},
    },
    logs::AttemptLog,
};

/// Sends a step's request and judges its answer by the step's `success`.
pub(in crate::action) async fn call(
    means: &Means,
    step: &str,
    rendered: domain::run::Request,
    idempotency_key: &str,
    log: &AttemptLog,
) -> Result<Value, Failure> {
    let since = Instant::now();
    let fail = |failed: HttpError| timed(failed.into_step_error().into(), since);
    let request = Request::parse(rendered, idempotency_key, &means.secrets).map_err(fail)?;
    let summary = request.summary();
    let response = send(request, &Resolver::Egress(&means.egress), &means.redactor).await;
    let ended = response.as_ref().map_or_else(ToString::to_string, |response| response.status.to_string());
    log.note(format!("{summary}: {ended} after {} ms", since.elapsed().as_millis())).await;
    let response = response.map_err(fail)?;
    match means.run.http_succeeded(step, response.status, &response.headers, &response.body) {
        Ok(true) => Ok(response.into_output()),
        Ok(false) => Err(refused(response, &summary, since)),
        Err(failed) => {
            let message = format!("http.success: {failed}");
            Err(timed(error(ErrorKind::User, failed.code(), message).into(), since))
        }
    }
}

fn refused(response: Response, summary: &str, since: Instant) -> Failure {
    let retry_after = response.retry_after(telemetry::clock::now());
    let error = response.into_step_error(summary);
    timed(Failure { error, retry_after }, since)
}

/// Says how long it took.
fn timed(mut failure: Failure, since: Instant) -> Failure {
    let millis = |taken: Duration| u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    let details = failure.error.details.get_or_insert_with(|| json!({}));
    if let Value::Object(details) = details {
        details.insert("durationMs".to_owned(), json!(millis(since.elapsed())));
    }
    failure
}
