//! Middleware that gives every response that is not a success its body.

use axum::{
    body::Body as ResponseBody,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tower_http::request_id::RequestId;

use super::Body;
use crate::{
    http::scim,
    problem::{Code, Problem},
};

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// Marks a response whose body already describes the error in its own format (GraphQL).
#[derive(Clone, Copy)]
pub(in crate::http) struct OwnErrorFormat;

/// Renders [`Problem`]s, and replaces the bodies of all other error responses, such as those that axum makes.
pub(in crate::http) async fn render(request: Request, next: Next) -> Response {
    let instance = request.uri().path().to_owned();
    let request_id = request_id(&request);
    let response = next.run(request).await;
    let failed = response.status().is_client_error() || response.status().is_server_error();
    if !failed || response.extensions().get::<OwnErrorFormat>().is_some() {
        return response;
    }
    with_body(response, instance, request_id)
}

fn request_id(request: &Request) -> String {
    let id = request.extensions().get::<RequestId>();
    id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default().to_owned()
}

fn with_body(mut response: Response, instance: String, request_id: String) -> Response {
    let from_status = |status: StatusCode| Problem::new(Code::from_status(status));
    let problem: Problem =
        response.extensions_mut().remove().unwrap_or_else(|| from_status(response.status()));
    if scim::is_below(&instance) {
        let (status, body) = scim::render(&problem, response.status());
        *response.status_mut() = status;
        return with_bytes(response, SCIM_JSON, body);
    }
    let Problem { code, detail, errors, headers: _ } = problem;
    let body = Body {
        r#type: code.type_uri(),
        title: code.title(),
        status: response.status().as_u16(),
        detail,
        instance,
        code: code.as_str(),
        request_id,
        errors,
    };
    with_bytes(response, PROBLEM_JSON, serde_json::to_vec(&body).unwrap_or_default())
}

fn with_bytes(mut response: Response, media_type: HeaderValue, bytes: Vec<u8>) -> Response {
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = ResponseBody::from(bytes);
    response.into_response()
}
