//! Who asks on the internal port.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app,
    auth::{self, RunnerError},
    http::{
        authorize::unavailable,
        problem::{Code, Problem},
    },
    state::AppState,
    store::{TenantTx, logs},
};

/// A pod that holds the run of the path.
pub(super) struct Holder {
    pub(super) runner: auth::Runner,
    pub(super) run: Uuid,
}

/// A pod that holds the run of the path, or has held it a short while ago.
pub(super) struct LateHolder {
    pub(super) runner: auth::Runner,
    pub(super) run: Uuid,
}

#[derive(Deserialize)]
struct RunPath {
    run: Uuid,
}

impl FromRequestParts<AppState> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (runner, run) = asks(parts, state).await?;
        match state.runners.holds(&runner, run).await? {
            true => Ok(Self { runner, run }),
            false => Err(not_the_holder(&runner, run)),
        }
    }
}

impl FromRequestParts<AppState> for LateHolder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (runner, run) = asks(parts, state).await?;
        let holds = state.runners.held_lately(&runner, run)
            || state.runners.holds(&runner, run).await?
            || has_written(state, &runner, run).await?;
        if holds { Ok(Self { runner, run }) } else { Err(not_the_holder(&runner, run)) }
    }
}

async fn asks(parts: &mut Parts, state: &AppState) -> Result<(auth::Runner, Uuid), Problem> {
    let runner = state.runners.authenticate(&parts.headers).await?;
    let path = Path::<RunPath>::from_request_parts(parts, state).await;
    let Path(RunPath { run }) = path.map_err(|_| Problem::new(Code::NotFound))?;
    Ok((runner, run))
}

/// Another replica has seen that it held the run.
async fn has_written(state: &AppState, runner: &auth::Runner, run: Uuid) -> Result<bool, Problem> {
    let mut tx = TenantTx::begin(&state.db, runner.scope).await.map_err(app::Error::from)?;
    Ok(logs::has_lines_from_pod(&mut tx, run, &runner.pod).await.map_err(app::Error::from)?)
}

fn not_the_holder(runner: &auth::Runner, run: Uuid) -> Problem {
    Problem::new(Code::NotTheHolder).detail(format!("pod {} does not hold run {run}", runner.pod))
}

impl From<RunnerError> for Problem {
    fn from(error: RunnerError) -> Self {
        match &error {
            RunnerError::Missing => Self::new(Code::InvalidToken).detail("a token is needed"),
            RunnerError::Refused { .. } => Self::new(Code::InvalidToken).detail(error.to_string()),
            RunnerError::UnknownTenant { .. } => unavailable(&error, "the tenant is not known yet"),
            RunnerError::Kubernetes { .. } | RunnerError::Slow { .. } => {
                unavailable(&error, "Kubernetes does not answer")
            }
            RunnerError::Database(_) => unavailable(&error, "the database does not answer"),
        }
    }
}
