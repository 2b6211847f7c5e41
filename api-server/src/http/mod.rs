//! REST and the HTTP side of GraphQL.

mod authorize;
mod error;
mod etag;
mod extract;
mod graphql;
#[cfg(test)]
mod hostile;
mod idempotency;
mod internal;
mod list;
mod observe;
mod openapi;
mod problem;
mod request_id;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timeout;
mod v1;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use tower_http::catch_panic::CatchPanicLayer;

use authorize::Gate;

use crate::{auth::Operations, state::AppState};

pub use internal::internal_router;
pub use observe::Metrics;
pub(crate) use problem::{Code, FieldError, Problem};

/// A run's input may have 256 KiB; the same again for white space and escapes that JSON may be sent with.
const MAX_BODY: usize = 512 * 1024;

/// Everything that is served on the public port.
///
/// # Errors
/// `operations.yaml` lacks an operation, or names one that does not exist.
pub fn router(state: AppState) -> anyhow::Result<Router> {
    let operations = Arc::new(Operations::load()?);
    let (routes, document) = openapi::routes().split_for_parts();
    operations.check_rest(&openapi::operations(&document))?;
    let schema = crate::graphql::schema(&operations)?;
    let metrics = state.metrics.clone();
    let gate = Gate { state: state.clone(), operations: operations.clone() };
    let routes = routes
        .merge(graphql::routes(schema, operations))
        .merge(openapi::document(&document)?)
        .route_layer(from_fn_with_state(gate, authorize::authorize))
        .with_state(state);
    Ok(complete(routes, metrics))
}

/// Adds what is the same for all requests. The last layer is the first to see a request, and the last its answer.
fn complete(routes: Router, metrics: Metrics) -> Router {
    routes
        .fallback(|| async { Problem::new(Code::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(Code::MethodNotAllowed) })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(timeout::bound))
        .layer(CatchPanicLayer::custom(problem::caught))
        .layer(from_fn(problem::render))
        .layer(from_fn_with_state(metrics, observe::observe))
        .layer(from_fn(request_id::identify))
}

/// The OpenAPI document of the routes, as it is committed.
///
/// # Errors
/// It cannot be written as JSON.
pub fn openapi_json() -> anyhow::Result<String> {
    let (_, document) = openapi::routes().split_for_parts();
    Ok(document.to_pretty_json()? + "\n")
}
