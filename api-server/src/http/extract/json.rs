//! A JSON body, or the problem with it.

use axum::{
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use crate::http::problem::{Code, Problem};

/// The body of a request, from `application/json`.
pub(in crate::http) struct Json<T>(pub(in crate::http) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = axum::Json::from_request(request, state).await;
        body.map(|axum::Json(value)| Self(value)).map_err(|rejection| problem(&rejection))
    }
}

fn problem(rejection: &JsonRejection) -> Problem {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::UNPROCESSABLE_ENTITY => Code::Invalid,
        _ => Code::Malformed,
    };
    Problem::new(code).detail(rejection.body_text())
}
