//! The extractor of query parameters, which refuses unknown ones.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Query parameters of a request. `T` must deny unknown fields, since ignoring a misspelt filter would return more than
/// requested.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.uri).map(Self)
    }
}

/// Reads the query parameters of a URI.
///
/// # Errors
/// Returns an error if a parameter is unknown or has an invalid value.
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
