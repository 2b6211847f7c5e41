//! Errors in the format of SCIM (RFC 7644, section 3.12).

use axum::http::StatusCode;
use serde::Serialize;

use crate::problem::{Code, FieldError, Problem};

/// Schema of errors.
const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// Values of `scimType`, which field errors have as their code.
const TYPES: [&str; 7] =
    ["invalidFilter", "tooMany", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue"];

/// Body of an error.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schemas: [&'static str; 1],
    /// HTTP status, as text.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scim_type: Option<&'static str>,
    detail: String,
}

/// Returns status and body of a problem. Requests that are not valid are answered with 400, since SCIM does not use 422.
pub(in crate::http) fn render(problem: &Problem, status: StatusCode) -> (StatusCode, Vec<u8>) {
    let status = if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
    let body = Body {
        schemas: [SCHEMA],
        status: status.as_u16().to_string(),
        scim_type: scim_type(problem),
        detail: detail(problem),
    };
    (status, serde_json::to_vec(&body).unwrap_or_default())
}

fn scim_type(problem: &Problem) -> Option<&'static str> {
    let is_immutable = problem.errors.iter().any(|error| error.code == "immutable");
    let of_field = |error: &FieldError| TYPES.into_iter().find(|name| *name == error.code);
    match problem.code {
        _ if is_immutable => Some("mutability"),
        Code::AlreadyExists => Some("uniqueness"),
        Code::Invalid | Code::InvalidParameter => {
            Some(problem.errors.iter().find_map(of_field).unwrap_or("invalidValue"))
        }
        Code::Malformed => Some("invalidSyntax"),
        _ => None,
    }
}

/// Returns the explanation, with the fields that it concerns.
fn detail(problem: &Problem) -> String {
    let fields =
        problem.errors.iter().map(|FieldError { pointer, message, .. }| format!("{pointer}: {message}"));
    let parts: Vec<String> = std::iter::once(problem.message().to_owned()).chain(fields).collect();
    parts.join("; ")
}

/// Builds the problem of a request that is not valid. `scim_type` is one of those of RFC 7644, table 9.
pub(super) fn invalid(scim_type: &str, pointer: &str, message: impl Into<String>) -> Problem {
    let message = message.into();
    let error = FieldError { pointer: pointer.to_owned(), code: scim_type.to_owned(), message };
    Problem::new(Code::Invalid).detail("the request is not valid").errors(vec![error])
}
