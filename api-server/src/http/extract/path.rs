//! The id in a path.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;

use crate::http::problem::{Code, Problem};

/// The `{id}` of a path. What is no UUID is nobody's id, and answers as a missing object does.
pub(in crate::http) struct Id(pub(in crate::http) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<Uuid>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::new(Code::NotFound)),
        }
    }
}
