//! The audit events of REST operations: of every operation that does not only read, also if it is refused.

#[cfg(test)]
mod access;
#[cfg(test)]
mod tests;

use std::panic::resume_unwind;

use axum::{
    extract::Request,
    http::{Method, header},
    response::Response,
};
use telemetry::trace::TraceContext;
use tower_http::request_id::RequestId;
use tracing::Instrument as _;

use crate::{
    app::{
        self, App,
        audit::{Ending, Operation, audited},
    },
    auth::{Origin, Principal, Rule},
    http::listener::client_address,
    problem::{Code, Problem},
};

/// Maximum length of a text that the client has chosen, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// Operations that only read although their method is not GET, and GraphQL.
pub(in crate::http) const READS: [&str; 5] = [
    "POST /graphql",
    "POST /v1/authorization/checks",
    "POST /v1/authorization/explanations",
    "POST /v1/authorization/simulations",
    "POST /v1/searches",
];

/// Returns the origin of a request.
pub(in crate::http) fn origin(request: &Request) -> Origin {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let request_id = request.extensions().get::<RequestId>();
    let target = request.uri().path_and_query().map(|target| target.as_str());
    Origin {
        client_address: client_address(request.extensions()),
        user_agent: header(header::USER_AGENT.as_str()).map(short),
        request_id: request_id.and_then(|id| id.header_value().to_str().ok()).map(short),
        traceparent: request.extensions().get::<TraceContext>().map(ToString::to_string),
        target: target.map(short),
    }
}

/// Shortens a text, which has no control characters as the value of a header or as a part of a URI.
fn short(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}

/// Returns the operation of a request; `None` if it only reads, or if GraphQL audits its mutations one by one.
pub(in crate::http) fn operation(
    app: &App,
    principal: &Principal,
    method: &Method,
    name: &str,
    rule: Rule,
) -> Option<Operation> {
    let only_reads = matches!(*method, Method::GET | Method::HEAD) || READS.contains(&name);
    (!only_reads).then(|| app::audit::operation_of(app, principal, name, rule))
}

/// Executes an operation. It goes on if the client closes the connection, so that its outcome is always known.
///
/// # Errors
/// Returns an error if the row before the operation cannot be written.
pub(in crate::http) async fn run(
    operation: Operation,
    work: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, Problem> {
    let (tasks, _client_gone) = (operation.tasks.clone(), operation.client_gone.clone().drop_guard());
    let task = tasks.spawn(audited(operation, work, ending).in_current_span());
    match task.await {
        Ok(result) => result.map_err(|error| app::Error::from(error).into()),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(Problem::new(Code::Internal)),
        },
    }
}

/// Writes the rows of an operation that is refused, and returns the problem.
pub(in crate::http) async fn refuse(operation: Operation, problem: Problem) -> Problem {
    let refused = |problem: &Problem| Ending::Refused(problem.code.as_str());
    match audited(operation, async { problem }, refused).await {
        Ok(problem) => problem,
        Err(error) => app::Error::from(error).into(),
    }
}

fn ending(response: &Response) -> Ending {
    let status = response.status();
    let problem = response.extensions().get::<Problem>();
    let code = problem.map_or_else(|| Code::from_status(status), |problem| problem.code).as_str();
    if status.is_server_error() {
        Ending::Failed(code)
    } else if status.is_client_error() {
        Ending::Refused(code)
    } else {
        Ending::Succeeded
    }
}
