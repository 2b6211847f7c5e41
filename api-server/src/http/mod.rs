//! The HTTP servers: REST and GraphQL on the public port, and the requests of runners on the internal port.

#[cfg(test)]
mod access;
mod audit;
mod authenticate;
mod authorize;
mod body;
#[cfg(test)]
mod differential;
mod docs;
mod etag;
mod extract;
mod fields;
mod graphql;
mod idempotency;
mod in_flight;
mod internal;
#[cfg(test)]
mod invitations;
#[cfg(test)]
mod keys;
mod list;
mod listener;
mod login;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod malformed_requests;
mod metrics;
mod openapi;
mod problem;
mod query_parameters;
mod rate_limit;
mod readmission;
mod request_bodies;
mod request_id;
#[cfg(test)]
mod round_trips;
mod scim;
#[cfg(test)]
mod slow_clients;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timeout;
mod trace_context;
mod v1;
#[cfg(test)]
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, Uri},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use tower::util::MapRequestLayer;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};

use authorize::AuthorizationState;
use query_parameters::QueryParameters;
use request_bodies::RequestBodies;

use crate::{
    auth::Operations,
    problem::{Code, Problem},
};

pub use internal::internal_router;
pub use listener::{ClientAddress, ConnectionLimits, TrustedProxies, serve};
pub use metrics::Metrics;
pub use state::HttpState;

/// Maximum size of a request body of JSON: the definition of a workflow with code and schemas, or a run's input of 256 KiB with white space
/// and escapes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Builds the router of the public port.
///
/// # Errors
/// Returns an error if `operations.yaml` lacks an operation or names one that does not exist, or if an upload has no maximum size.
pub fn router(state: HttpState) -> anyhow::Result<Router> {
    router_with(state, Operations::load()?)
}

/// Builds the router with other rules than those of `operations.yaml`.
fn router_with(state: HttpState, operations: Operations) -> anyhow::Result<Router> {
    let operations = Arc::new(operations);
    let (routes, document) = openapi::routes()?.split_for_parts();
    operations.check_rest(&openapi::operations(&document))?;
    let schema = crate::graphql::schema(&operations)?;
    let metrics = state.metrics.clone();
    let bodies = Arc::new(RequestBodies::from_document(&document)?);
    let authorization = AuthorizationState {
        http: state.clone(),
        operations: operations.clone(),
        parameters: Arc::new(QueryParameters::from_document(&document)),
        bodies: bodies.clone(),
    };
    let routes = routes
        .merge(graphql::routes(schema, operations, state.trusted_documents.clone()))
        .merge(openapi::document(&document)?)
        .merge(docs::routes())
        .merge(scim::routes())
        .merge(login::routes())
        .route_layer(from_fn_with_state(authorization, authorize::authorize))
        .with_state(state);
    Ok(with_public_layers(routes, bodies, metrics))
}

fn with_public_layers(routes: Router, bodies: Arc<RequestBodies>, metrics: Metrics) -> Router {
    let routes = with_fallbacks(routes)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(bodies, timeout::limit_request));
    with_common_layers(routes, metrics)
}

/// Answers requests for unknown paths and methods with problems.
fn with_fallbacks(routes: Router) -> Router {
    routes
        .fallback(|method, uri| async { refuse(method, uri, Code::NotFound) })
        .method_not_allowed_fallback(|method, uri| async { refuse(method, uri, Code::MethodNotAllowed) })
}

#[allow(clippy::needless_pass_by_value)] // extractors are passed by value
fn refuse(method: Method, uri: Uri, code: Code) -> Response {
    scim::not_implemented(&method, uri.path()).unwrap_or_else(|| Problem::new(code).into_response())
}

/// Adds the layers that both ports share. The last layer is the outermost one.
fn with_common_layers(routes: Router, metrics: Metrics) -> Router {
    routes
        .layer(CatchPanicLayer::custom(problem::response_for_panic))
        .layer(from_fn(problem::render))
        .layer(from_fn_with_state(metrics, metrics::record))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_id::span)
                .on_request(())
                .on_response(())
                .on_failure(()),
        )
        .layer(from_fn(trace_context::propagate))
        .layer(SetRequestIdLayer::x_request_id(request_id::MakeUuidV7))
        .layer(MapRequestLayer::new(request_id::remove_unsafe_id))
}

/// Returns the OpenAPI document of the public port, as it is committed.
///
/// # Errors
/// Returns an error if the document cannot be serialized.
pub fn openapi_json() -> anyhow::Result<String> {
    let (_, document) = openapi::routes()?.split_for_parts();
    Ok(document.to_pretty_json()? + "\n")
}
