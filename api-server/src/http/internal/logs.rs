//! `POST /internal/v1/runs/{run}/logs`

use axum::{extract::State, http::StatusCode};
use protocol::internal::LogBatch;

use super::runner::LateHolder;
use crate::{
    app::logs,
    http::{
        extract::Json,
        problem::{Code, Problem},
    },
    state::AppState,
};

pub(super) async fn add(
    State(state): State<AppState>,
    LateHolder { runner, run }: LateHolder,
    Json(batch): Json<LogBatch>,
) -> Result<StatusCode, Problem> {
    if batch.pod != runner.pod {
        let detail = format!("the lines are of pod {}, the token is of pod {}", batch.pod, runner.pod);
        return Err(Problem::new(Code::NotTheHolder).detail(detail));
    }
    logs::add(&state, runner.scope, run, batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
