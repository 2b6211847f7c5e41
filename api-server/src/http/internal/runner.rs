//! Extractors of the runner that sends a request to the internal port.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app,
    auth::{self, RunnerError},
    http::{HttpState, in_flight},
    problem::{Code, Problem, rate_limited},
};

/// Runner pod to which the run of the path is assigned.
pub(super) struct Assignee {
    pub(super) runner: auth::Runner,
    pub(super) run: Uuid,
}

/// Runner pod to which the run of the path is assigned, or was assigned shortly before.
pub(super) struct RecentAssignee {
    pub(super) runner: auth::Runner,
    pub(super) run: Uuid,
}

#[derive(Deserialize)]
struct RunPath {
    run: Uuid,
}

impl FromRequestParts<HttpState> for Assignee {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let (runner, run) = runner_and_run(parts, state).await?;
        match state.runners.is_assigned(&runner, run).await? {
            true => Ok(Self { runner, run }),
            false => Err(not_assigned(&runner, run)),
        }
    }
}

impl FromRequestParts<HttpState> for RecentAssignee {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let (runner, run) = runner_and_run(parts, state).await?;
        // A pod that has lines in the log was assigned the run when another replica checked.
        let is_recent = state.runners.was_recently_assigned(&runner, run)
            || state.runners.is_assigned(&runner, run).await?
            || app::logs::has_lines_of_pod(&state.app, runner.scope, run, &runner.pod).await?;
        if is_recent { Ok(Self { runner, run }) } else { Err(not_assigned(&runner, run)) }
    }
}

async fn runner_and_run(parts: &mut Parts, state: &HttpState) -> Result<(auth::Runner, Uuid), Problem> {
    let runner =
        parts.extensions.get::<auth::Runner>().cloned().ok_or_else(|| Problem::new(Code::Internal))?;
    let path = Path::<RunPath>::from_request_parts(parts, state).await;
    let Path(RunPath { run }) = path.map_err(|_| Problem::new(Code::NotFound))?;
    Ok((runner, run))
}

fn not_assigned(runner: &auth::Runner, run: Uuid) -> Problem {
    Problem::new(Code::NotTheHolder).detail(format!("run {run} is not assigned to pod {}", runner.pod))
}

impl From<RunnerError> for Problem {
    fn from(error: RunnerError) -> Self {
        match &error {
            RunnerError::Missing => Self::new(Code::InvalidToken).detail("bearer token required"),
            RunnerError::Refused { .. } => Self::new(Code::InvalidToken).detail(error.to_string()),
            RunnerError::RateExceeded(error) => rate_limited("address", error),
            RunnerError::TooManyReviews(error) => in_flight::too_many_requests(*error),
            RunnerError::UnknownTenant { .. } => Self::unavailable(&error, "the tenant is not mirrored yet"),
            RunnerError::Kubernetes { .. } | RunnerError::Timeout { .. } => {
                Self::unavailable(&error, "the Kubernetes API is unavailable")
            }
            RunnerError::TenantLookup { .. } => Self::unavailable(&error, "the database is unavailable"),
        }
    }
}
