//! `POST /internal/v1/runs/{run}/logs`

use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
};
use protocol::internal::{LogBatch, MAX_LOG_BODY_BYTES};

use super::runner::RecentAssignee;
use crate::{
    app::{App, logs},
    http::{
        body::{self, BodyKind, BodyLimits},
        extract::Json,
        timeout::TRANSFER_TIMEOUT,
    },
    problem::{Code, Problem},
};

pub(super) async fn append(
    State(app): State<App>,
    RecentAssignee { runner, run }: RecentAssignee,
    request: Request,
) -> Result<StatusCode, Problem> {
    let tenant = runner.scope.tenant_id();
    let limit = BodyLimits { bytes: MAX_LOG_BODY_BYTES, time: TRANSFER_TIMEOUT };
    let (request, _memory) = body::admit(request, BodyKind::Json, &app.limits, &tenant, limit).await?;
    let Json(batch) = Json::<LogBatch>::from_request(request, &()).await?;
    if batch.pod != runner.pod {
        let detail =
            format!("the lines are from pod {}, but the token belongs to pod {}", batch.pod, runner.pod);
        return Err(Problem::new(Code::NotTheHolder).detail(detail));
    }
    logs::append(&app, runner.scope, run, batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
