//! The extractor of the run that a path names.

use std::collections::HashMap;

use axum::{
    extract::{FromRef as _, FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;

use crate::{
    app::{App, runs},
    http::{HttpState, authorize::Member},
    problem::{Code, Problem},
};

/// `{id}` of a path that names a run by its ID, by the UID of its object or by its name. The run may not exist.
pub(in crate::http) struct RunReference(pub(in crate::http) String);

impl<S: Send + Sync> FromRequestParts<S> for RunReference {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut parameters) = path.map_err(|_| Problem::new(Code::NotFound))?;
        Ok(Self(parameters.remove("id").unwrap_or_default()))
    }
}

/// ID of the run that `{id}` of a path names by its ID, by the UID of its object or by its name.
pub(in crate::http) struct RunId(pub(in crate::http) Uuid);

impl FromRequestParts<HttpState> for RunId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let Member { principal: _, tenant } = Member::from_request_parts(parts, state).await?;
        let RunReference(reference) = RunReference::from_request_parts(parts, state).await?;
        Ok(Self(runs::find(&App::from_ref(state), tenant.scope, &reference).await?))
    }
}
