//! The internal API for runners, on a port of its own that no Ingress reaches. `protocol::internal` defines the
//! messages.

mod logs;
mod outputs;
mod runner;
#[cfg(test)]
mod tests;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::map_response,
    routing::{get, post, put},
};

use super::{HttpState, timeout, with_common_layers, with_fallbacks};

/// Builds the router of the internal port. Each handler extracts a runner, which only a runner's token yields.
pub fn internal_router(state: HttpState) -> Router {
    let metrics = state.metrics.clone();
    let routes = Router::new()
        .route("/internal/v1/runs/{run}/outputs", get(outputs::read))
        .route("/internal/v1/runs/{run}/outputs/{sha256}", put(outputs::store))
        .route("/internal/v1/runs/{run}/logs", post(logs::append))
        .with_state(state);
    let routes = with_fallbacks(routes)
        .layer(DefaultBodyLimit::max(protocol::internal::MAX_LOG_BODY_BYTES))
        .layer(timeout::transfer_timeout())
        .layer(map_response(timeout::as_problem));
    with_common_layers(routes, metrics)
}
