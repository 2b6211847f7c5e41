//! The error responses of operations. The codes of an operation are those of all operations with such parameters, and those
//! that its description names, as in "Fails with 404 `not_found`".

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::{
    Components, Header, Ref, RefOr, Response,
    content::ContentBuilder,
    example::ExampleBuilder,
    extensions::Extensions,
    header::HeaderBuilder,
    path::{Operation, Parameter, ParameterIn},
    response::ResponseBuilder,
    schema::{ObjectBuilder, Type},
};

use crate::problem::Code;

/// Codes of every operation.
const ALWAYS: [Code; 15] = [
    Code::UnknownParameter,
    Code::Unauthenticated,
    Code::InvalidToken,
    Code::Forbidden,
    Code::TenantRequired,
    Code::TenantUnknown,
    Code::UserUnknown,
    Code::UserDeactivated,
    Code::InvitationInvalid,
    Code::ResponseTooLarge,
    Code::RateLimited,
    Code::Busy,
    Code::Internal,
    Code::Unavailable,
    Code::Timeout,
];
/// Codes of operations with a request body.
const WITH_BODY: [Code; 6] = [
    Code::Malformed,
    Code::RequestTimeout,
    Code::TooLarge,
    Code::UnsupportedMediaType,
    Code::Invalid,
    Code::InputTooCostly,
];
/// Codes of operations that write: the state of the tenant does not allow it, or Kubernetes refuses it.
const OF_WRITES: [Code; 2] = [Code::Conflict, Code::Invalid];
/// Length of a status, as text.
const STATUS_DIGITS: usize = 3;

/// Adds the error responses of an operation with this method.
pub(super) fn add_responses(method: &str, operation: &mut Operation, components: &mut Components) {
    let mut by_status: BTreeMap<u16, BTreeSet<Code>> = BTreeMap::new();
    for code in codes(method, operation) {
        by_status.entry(code.status().as_u16()).or_default().insert(code);
        components.examples.entry(code.as_str().to_owned()).or_insert_with(|| example(code).into());
    }
    for (status, codes) in by_status {
        operation.responses.responses.insert(status.to_string(), RefOr::T(response(&codes)));
    }
}

/// Returns the codes of an operation with this method.
fn codes(method: &str, operation: &Operation) -> Vec<Code> {
    let mut codes = ALWAYS.to_vec();
    if method != "GET" {
        codes.extend(OF_WRITES);
    }
    if operation.request_body.is_some() {
        codes.extend(WITH_BODY);
    }
    for parameter in operation.parameters.iter().flatten() {
        if let RefOr::T(parameter) = parameter {
            codes.extend(codes_of_parameter(parameter));
        }
    }
    let named = named_codes(operation.description.as_deref().unwrap_or_default());
    codes.extend(named.into_iter().filter_map(|(_, name)| Code::parse(&name)));
    codes
}

fn codes_of_parameter(parameter: &Parameter) -> &'static [Code] {
    match (&parameter.parameter_in, parameter.name.as_str()) {
        (ParameterIn::Path, _) => &[Code::NotFound],
        (ParameterIn::Query, "cursor") => &[Code::InvalidParameter, Code::InvalidCursor],
        (ParameterIn::Query, _) => &[Code::InvalidParameter],
        (ParameterIn::Header, "Idempotency-Key") => {
            &[Code::InvalidParameter, Code::IdempotencyInFlight, Code::IdempotencyKeyReused]
        }
        (ParameterIn::Header, "If-Match") => &[Code::PreconditionFailed, Code::PreconditionRequired],
        (ParameterIn::Header, "Content-SHA256") => &[Code::InvalidParameter],
        (ParameterIn::Header | ParameterIn::Cookie | ParameterIn::QueryString, _) => &[],
    }
}

/// Returns the statuses and codes that a description names, such as 404 and `not_found`.
pub(super) fn named_codes(description: &str) -> Vec<(u16, String)> {
    // Every second part is between backticks.
    let parts: Vec<&str> = description.split('`').collect();
    let pairs = parts.windows(2).step_by(2);
    let named = pairs.filter_map(|pair| match pair {
        [before, name] => Some((status_at_end(before)?, (*name).to_owned())),
        _ => None,
    });
    named.collect()
}

fn status_at_end(text: &str) -> Option<u16> {
    let text = text.trim_end();
    text.get(text.len().checked_sub(STATUS_DIGITS)?..)?.parse().ok()
}

fn response(codes: &BTreeSet<Code>) -> Response {
    let sentences: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.meaning())).collect();
    let reference = |code: &Code| Ref::new(format!("#/components/examples/{}", code.as_str()));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(codes.iter().map(|code| (code.as_str(), RefOr::Ref(reference(code)))))
        .build();
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let mut response = ResponseBuilder::new()
        .description(sentences.join("\n"))
        .content("application/problem+json", content)
        .extensions(Some(Extensions::from_iter([("x-problem-codes", json!(names))])));
    for (name, header) in codes.first().map(|code| headers(code.status())).unwrap_or_default() {
        response = response.header(name, header);
    }
    response.build()
}

/// Returns the headers of all error responses with this status.
fn headers(status: StatusCode) -> Vec<(&'static str, Header)> {
    let header = |schema: Type, description: &str| {
        let schema = ObjectBuilder::new().schema_type(schema).build();
        HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
    };
    match status {
        StatusCode::UNAUTHORIZED => {
            vec![("WWW-Authenticate", header(Type::String, "Scheme of the expected credentials"))]
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            vec![("Retry-After", header(Type::Integer, "Time after which to repeat the request, in seconds"))]
        }
        _ => Vec::new(),
    }
}

fn example(code: Code) -> ExampleBuilder {
    let value: Value = json!({
        "type": code.type_uri(),
        "title": code.title(),
        "status": code.status().as_u16(),
        "instance": "/v1/workflows/018f0000-0000-7000-8000-000000000000",
        "code": code.as_str(),
        "requestId": "019ad3c4-0000-7000-8000-000000000000",
    });
    ExampleBuilder::new().summary(code.title()).value(Some(value))
}
