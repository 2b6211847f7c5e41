//! Requests of a runner to the api-server, over HTTP on the internal port.
//!
//! Every request carries `Authorization: Bearer <token>` with the runner's token for the audience
//! `smb-copilot-api-server`. The api-server validates it with a TokenReview and permits only the pod in the run's
//! `status.runner.podUid`. Refusals have the media type `application/problem+json` and the fields of [`Refusal`].

mod log;
mod output;
mod refusal;

pub use log::{LogBatch, LogLine, LogStream, MAX_LOG_BODY_BYTES, MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
pub use output::Stored;
pub use refusal::{Refusal, RefusalCode};

/// Returns the path of a run's outputs. `GET` with `?uri=` returns the bytes of an output that this tenant has stored.
#[must_use]
pub fn outputs_path(run_uid: &str) -> String {
    format!("/internal/v1/runs/{run_uid}/outputs")
}

/// Returns the path of an output, identified by the SHA-256 of its bytes as 64 lower-case hex digits.
///
/// `PUT` with the bytes as body and their media type as `Content-Type` stores the output and returns status 200 or 201
/// with [`Stored`]. The request is idempotent.
#[must_use]
pub fn output_path(run_uid: &str, sha256: &str) -> String {
    format!("{}/{sha256}", outputs_path(run_uid))
}

/// Returns the path of a run's logs. `POST` of a [`LogBatch`] returns status 204. A repeated batch is stored only once.
#[must_use]
pub fn logs_path(run_uid: &str) -> String {
    format!("/internal/v1/runs/{run_uid}/logs")
}
