//! What a runner asks of the api-server, over HTTP on the port that is not the public one.
//!
//! Every request carries `Authorization: Bearer <token>`: the runner's own, projected for the audience
//! `smb-copilot-api-server`. The api-server has Kubernetes review it, and lets only that pod through which the run's
//! `status.runner.podUid` names. Refusals are `application/problem+json`, as [`Refusal`].

mod log;
mod output;
mod refusal;

pub use log::{LogBatch, LogLine, LogStream, MAX_LOG_BODY_BYTES, MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
pub use output::Stored;
pub use refusal::{Refusal, RefusalCode};

/// The path of a run's outputs: `GET` with `?uri=` reads the bytes of one that this tenant has stored.
#[must_use]
pub fn outputs_path(run_uid: &str) -> String {
    format!("/internal/v1/runs/{run_uid}/outputs")
}

/// The path of one output, by the SHA-256 of its bytes as 64 lower-case hex digits: `PUT` with the bytes as body and
/// their media type as `Content-Type` stores it, however often it is sent, and answers 200 or 201 with [`Stored`].
#[must_use]
pub fn output_path(run_uid: &str, sha256: &str) -> String {
    format!("{}/{sha256}", outputs_path(run_uid))
}

/// The path of a run's logs: `POST` of a [`LogBatch`] answers 204, however often it is sent.
#[must_use]
pub fn logs_path(run_uid: &str) -> String {
    format!("/internal/v1/runs/{run_uid}/logs")
}
