//! The extractor of ids in paths.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// `{id}` of a path. A text that is not a UUID is treated like the id of an object that does not exist.
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
