//! The last layer: gives every answer that is no success its body.

use axum::{
    body::Body as Bytes,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Body, Code, Problem};
use crate::http::request_id::RequestId;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer whose body says what went wrong in its own format (GraphQL), and is left as it is.
#[derive(Clone, Copy)]
pub(in crate::http) struct OwnFormat;

/// Renders [`Problem`]s, and makes one of any other failure, such as those that axum makes itself.
pub(in crate::http) async fn render(request: Request, next: Next) -> Response {
    let instance = request.uri().path().to_owned();
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let failed = response.status().is_client_error() || response.status().is_server_error();
    if !failed || response.extensions().get::<OwnFormat>().is_some() {
        return response;
    }
    with_body(response, instance, id.map(|RequestId(id)| id).unwrap_or_default())
}

fn with_body(mut response: Response, instance: String, request_id: String) -> Response {
    let of_status = |status: StatusCode| Problem::new(Code::of_status(status));
    let Problem { code, detail, errors, headers: _ } =
        response.extensions_mut().remove().unwrap_or_else(|| of_status(response.status()));
    let body = Body {
        r#type: format!("urn:smbcopilot:problem:{}", code.as_str()),
        title: code.title(),
        status: response.status().as_u16(),
        detail,
        instance,
        code: code.as_str(),
        request_id,
        errors,
    };
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = Bytes::from(bytes);
    response.into_response()
}
