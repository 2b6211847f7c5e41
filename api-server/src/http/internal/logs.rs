//! `POST /internal/v1/runs/{run}/logs`

use axum::{extract::State, http::StatusCode};
use protocol::internal::LogBatch;

use super::runner::RecentAssignee;
use crate::{
    app::{App, logs},
    http::extract::Json,
    problem::{Code, Problem},
};

pub(super) async fn append(
    State(app): State<App>,
    RecentAssignee { runner, run }: RecentAssignee,
    Json(batch): Json<LogBatch>,
) -> Result<StatusCode, Problem> {
    if batch.pod != runner.pod {
        let detail =
            format!("the lines are from pod {}, but the token belongs to pod {}", batch.pod, runner.pod);
        return Err(Problem::new(Code::NotTheHolder).detail(detail));
    }
    logs::append(&app, runner.scope, run, batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
