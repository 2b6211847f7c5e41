//! What runners alone are answered, on a port of its own that no Ingress reaches: `protocol::internal` says how.

mod logs;
mod outputs;
mod runner;
#[cfg(test)]
mod tests;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    observe,
    problem::{self, Code, Problem},
    request_id, timeout,
};
use crate::state::AppState;

/// Everything that is served on the internal port. Each handler takes a `Runner`, which only a runner's token makes.
pub fn internal_router(state: AppState) -> Router {
    let metrics = state.metrics.clone();
    Router::new()
        .route("/internal/v1/runs/{run}/outputs", get(outputs::read))
        .route("/internal/v1/runs/{run}/outputs/{sha256}", put(outputs::store))
        .route("/internal/v1/runs/{run}/logs", post(logs::add))
        .with_state(state)
        .fallback(|| async { Problem::new(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(Code::MethodNotAllowed) })
        .layer(DefaultBodyLimit::max(protocol::internal::MAX_LOG_BODY_BYTES))
        .layer(from_fn(timeout::bound_transfer))
        .layer(CatchPanicLayer::custom(problem::caught))
        .layer(from_fn(problem::render))
        .layer(from_fn_with_state(metrics, observe::observe))
        .layer(from_fn(request_id::identify))
}
