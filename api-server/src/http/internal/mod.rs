//! The internal API for runners, on a port of its own that no Ingress reaches. `protocol::internal` defines the
//! messages.

mod logs;
mod outputs;
mod runner;
#[cfg(test)]
mod tests;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state, map_response},
    response::Response,
    routing::{get, post, put},
};

use super::{
    HttpState, in_flight,
    listener::{Connection, client_address},
    timeout, with_common_layers, with_fallbacks,
};
use crate::problem::Problem;

/// Builds the router of the internal port. Each handler extracts a runner, which only a runner's token yields.
pub fn internal_router(state: HttpState) -> Router {
    let metrics = state.metrics.clone();
    let routes = Router::new()
        .route("/internal/v1/runs/{run}/outputs", get(outputs::read))
        .route("/internal/v1/runs/{run}/outputs/{sha256}", put(outputs::store))
        .route("/internal/v1/runs/{run}/logs", post(logs::append))
        .route_layer(from_fn_with_state(state.clone(), admit))
        .with_state(state);
    let routes = with_fallbacks(routes)
        .layer(DefaultBodyLimit::max(protocol::internal::MAX_LOG_BODY_BYTES))
        .layer(timeout::transfer_timeout())
        .layer(map_response(timeout::as_problem));
    with_common_layers(routes, metrics)
}

/// Authenticates the runner, and admits its requests within the limits: those of one address wait for each other until their
/// token is verified, and then those of one tenant.
async fn admit(
    State(state): State<HttpState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (limits, address) = (&state.app.limits, client_address(request.extensions()));
    let runner = {
        let _permit = match &address {
            Some(address) => Some(limits.runner_authentications.acquire(address, 1).await),
            None => None,
        }
        .transpose()
        .map_err(in_flight::too_many_requests)?;
        state.runners.authenticate(request.headers(), address).await?
    };
    if let Some(connection) = request.extensions().get::<Connection>() {
        connection.authenticate(&runner.scope.tenant_id());
    }
    let permit = limits.runner_requests.acquire(&runner.scope.tenant_id(), 1).await;
    let permit = permit.map_err(in_flight::too_many_requests)?;
    request.extensions_mut().insert(runner);
    Ok(in_flight::hold_until_sent(next.run(request).await, permit))
}
