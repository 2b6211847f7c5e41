//! The answer to a request that has started a run.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;

use super::resource::Run;
use crate::{
    app,
    auth::Membership,
    http::{extract::Wait, idempotency::Outcome, problem::Problem},
    state::AppState,
};

/// The run as it stands, or as it has ended if that was within the time that the client prefers to wait.
pub(in crate::http::v1) async fn accepted(
    state: &AppState,
    tenant: &Membership,
    id: Uuid,
    wait: Wait,
    outcome: Outcome,
) -> Result<Response, Problem> {
    let Wait(at_most) = wait;
    let run = app::runs::wait(state, tenant.scope, id, at_most).await?;
    let status = if run.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let whole = app::runs::whole(state, tenant.scope, id).await?;
    let mut response = (status, axum::Json(Run::from(whole))).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/workflow-runs/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(wait.applied());
    response.headers_mut().extend(outcome.header());
    Ok(response)
}
