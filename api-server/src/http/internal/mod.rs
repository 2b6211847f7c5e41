//! The internal API for runners, on a port of its own that no Ingress reaches. `protocol::internal` defines the
//! messages.

mod logs;
mod outputs;
mod runner;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state, map_response},
    response::Response,
    routing::{get, post, put},
};

use super::{HttpState, in_flight, listener::client_address, timeout, with_common_layers, with_fallbacks};
use crate::{limits::Limits, problem::Problem};

/// Builds the router of the internal port. Each handler extracts a runner, which only a runner's token yields.
pub fn internal_router(state: HttpState) -> Router {
    let (metrics, limits) = (state.metrics.clone(), state.app.limits.clone());
    let routes = Router::new()
        .route("/internal/v1/runs/{run}/outputs", get(outputs::read))
        .route("/internal/v1/runs/{run}/outputs/{sha256}", put(outputs::store))
        .route("/internal/v1/runs/{run}/logs", post(logs::append))
        .with_state(state);
    let routes = with_fallbacks(routes)
        .layer(from_fn_with_state(limits, limit_address))
        .layer(DefaultBodyLimit::max(protocol::internal::MAX_LOG_BODY_BYTES))
        .layer(timeout::transfer_timeout())
        .layer(map_response(timeout::as_problem));
    with_common_layers(routes, metrics)
}

/// Lets the requests of one address wait for each other, so that a pod cannot use all connections to the database.
async fn limit_address(
    State(limits): State<Arc<Limits>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(address) = client_address(request.extensions()) else { return Ok(next.run(request).await) };
    let permit = limits.runner_requests.acquire(&address, 1).await.map_err(in_flight::too_many_requests)?;
    Ok(in_flight::hold_until_sent(next.run(request).await, permit))
}
