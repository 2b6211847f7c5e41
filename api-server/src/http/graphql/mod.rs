//! The GraphQL endpoint, according to the GraphQL over HTTP specification.

mod media_type;
mod parse;
mod response;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, parser::types::OperationType};
use axum::{
    Extension, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use media_type::MediaType;

use crate::{
    app::App,
    auth::{Operations, Principal},
    graphql::{self, Schema, TrustedDocuments},
    http::HttpState,
    problem::{Code, Problem},
};

/// Maximum size of a document with its variables. Runs with larger inputs are started through REST.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Delay after which a client should repeat a document that timed out.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// Returns the routes of the endpoint.
pub(in crate::http) fn routes(
    schema: Schema,
    operations: Arc<Operations>,
    trusted: Option<Arc<TrustedDocuments>>,
) -> Router<HttpState> {
    Router::new()
        .route("/graphql", get(handle_get).post(handle_post))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(Extension(Endpoint { schema, operations, trusted }))
}

#[derive(Clone)]
struct Endpoint {
    schema: Schema,
    operations: Arc<Operations>,
    /// The only documents that are executed; `None` if all are.
    trusted: Option<Arc<TrustedDocuments>>,
}

async fn handle_get(
    State(app): State<App>,
    Extension(endpoint): Extension<Endpoint>,
    principal: Principal,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let media_type = media_type::choose(&headers)?;
    match parse::from_query(query.as_deref().unwrap_or_default(), endpoint.trusted.as_deref()) {
        Ok(request) => endpoint.execute(&app, principal, request, &Method::GET, media_type).await,
        Err(error) => Ok(response::refused(media_type, &error)),
    }
}

async fn handle_post(
    State(app): State<App>,
    Extension(endpoint): Extension<Endpoint>,
    principal: Principal,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let media_type = media_type::choose(&headers)?;
    media_type::require_json(&headers)?;
    let body = body.map_err(|rejection| {
        Problem::new(Code::from_status(rejection.status())).detail(rejection.body_text())
    })?;
    match parse::from_body(&body, endpoint.trusted.as_deref()) {
        Ok(request) => endpoint.execute(&app, principal, request, &Method::POST, media_type).await,
        Err(error) => Ok(response::refused(media_type, &error)),
    }
}

impl Endpoint {
    async fn execute(
        &self,
        app: &App,
        principal: Principal,
        mut request: Request,
        method: &Method,
        media_type: MediaType,
    ) -> Result<Response, Problem> {
        if method == Method::GET && !reads_only(&mut request) {
            // A mutation by GET could be triggered by a link on any web page.
            return Ok(post_required());
        }
        let may_introspect = self
            .operations
            .graphql_rule("Query", "__schema")
            .is_some_and(|rule| rule.allows(principal.permissions));
        if !may_introspect {
            request = request.disable_introspection();
        }
        let executing = self.schema.execute(graphql::with_caller(request, app, principal));
        match tokio::time::timeout(graphql::EXECUTION_TIMEOUT, executing).await {
            Ok(response) => Ok(response::executed(media_type, response)),
            Err(_) => Err(Problem::new(Code::Timeout).retry_after(RETRY_DELAY)),
        }
    }
}

/// Returns whether all operations of the document are queries. The execution reports documents that do not parse.
fn reads_only(request: &mut Request) -> bool {
    request.parsed_query().map_or(true, |document| {
        document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query)
    })
}

fn post_required() -> Response {
    Problem::new(Code::MethodNotAllowed)
        .detail("GET supports queries only; send mutations by POST")
        .header(header::ALLOW, HeaderValue::from_static("POST"))
        .into_response()
}
