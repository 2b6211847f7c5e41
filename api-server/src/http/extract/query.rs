//! Query parameters: typed, and none that the operation does not know.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::http::problem::{Code, Problem};

/// The query parameters of a request. `T` must deny unknown fields: a misspelt filter that is ignored
/// answers with more than was asked for.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.uri).map(Self)
    }
}

/// The query parameters of an address.
pub(in crate::http) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    match axum::extract::Query::try_from_uri(uri) {
        Ok(axum::extract::Query(value)) => Ok(value),
        Err(rejection) => Err(problem(&rejection.body_text())),
    }
}

fn problem(text: &str) -> Problem {
    let code = if text.contains("unknown field") { Code::UnknownParameter } else { Code::InvalidParameter };
    Problem::new(code).detail(text)
}
