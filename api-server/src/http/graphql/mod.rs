//! GraphQL over HTTP, by its specification: what is refused before a document is executed, and how answers are sent.

mod accept;
mod answer;
mod parse;
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

use accept::MediaType;

use crate::{
    auth::{Operations, Principal},
    graphql::{self, Schema},
    http::problem::{Code, Problem},
    state::AppState,
};

/// A document with its variables. A run with a larger input is started by REST.
const MAX_BODY: usize = 256 * 1024;
/// No document is worth a connection for longer.
const BOUND: Duration = Duration::from_secs(10);

/// The routes of GraphQL.
pub(in crate::http) fn routes(schema: Schema, operations: Arc<Operations>) -> Router<AppState> {
    Router::new()
        .route("/graphql", get(by_get).post(by_post))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(Extension(Endpoint { schema, operations }))
}

#[derive(Clone)]
struct Endpoint {
    schema: Schema,
    operations: Arc<Operations>,
}

async fn by_get(
    State(state): State<AppState>,
    Extension(endpoint): Extension<Endpoint>,
    principal: Principal,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let media_type = accept::choose(&headers)?;
    match parse::from_query(query.as_deref().unwrap_or_default()) {
        Ok(request) => endpoint.execute(&state, principal, request, &Method::GET, media_type).await,
        Err(refusal) => Ok(answer::refused(media_type, &refusal)),
    }
}

async fn by_post(
    State(state): State<AppState>,
    Extension(endpoint): Extension<Endpoint>,
    principal: Principal,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let media_type = accept::choose(&headers)?;
    accept::is_json(&headers)?;
    let body = body.map_err(|rejection| {
        Problem::new(Code::of_status(rejection.status())).detail(rejection.body_text())
    })?;
    match parse::from_body(&body) {
        Ok(request) => endpoint.execute(&state, principal, request, &Method::POST, media_type).await,
        Err(refusal) => Ok(answer::refused(media_type, &refusal)),
    }
}

impl Endpoint {
    async fn execute(
        &self,
        state: &AppState,
        principal: Principal,
        mut request: Request,
        method: &Method,
        media_type: MediaType,
    ) -> Result<Response, Problem> {
        if method == Method::GET && !reads_only(&mut request) {
            // Or a link on a web page could change something in the name of whoever follows it.
            return Ok(only_by_post());
        }
        let may_introspect = self
            .operations
            .graphql("Query", "__schema")
            .is_some_and(|rule| rule.allows(principal.permissions));
        if !may_introspect {
            request = request.disable_introspection();
        }
        let executing = self.schema.execute(graphql::request(request, state, principal));
        match tokio::time::timeout(BOUND, executing).await {
            Ok(response) => Ok(answer::answer(media_type, response)),
            Err(_) => {
                Err(Problem::new(Code::Timeout).header(header::RETRY_AFTER, HeaderValue::from_static("5")))
            }
        }
    }
}

/// Whether all operations of the document are queries; one that does not parse is judged by the execution.
fn reads_only(request: &mut Request) -> bool {
    request.parsed_query().map_or(true, |document| {
        document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query)
    })
}

fn only_by_post() -> Response {
    Problem::new(Code::MethodNotAllowed)
        .detail("only queries may be sent by GET")
        .header(header::ALLOW, HeaderValue::from_static("POST"))
        .into_response()
}
