//! What requests that start a run have in common.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use uuid::Uuid;

use super::resource::Run;
use crate::{
    app::{self, runs::RunName},
    auth::TenantScope,
    http::{
        authorize::Member,
        extract::Wait,
        idempotency::{Claim, IdempotencyKey, Outcome},
        problem::Problem,
    },
    state::AppState,
    store,
};

/// `Idempotency-Key` and `Prefer: wait`.
pub(in crate::http::v1) struct Submission {
    key: Option<IdempotencyKey>,
    wait: Wait,
}

/// A submission of somebody's, for something.
pub(in crate::http::v1) struct Submitted {
    scope: TenantScope,
    wait: Wait,
    claim: Claim,
    /// The name of the run that it starts.
    pub(in crate::http::v1) name: RunName,
    /// Who asks, as an e-mail address.
    pub(in crate::http::v1) requested_by: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Submission {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let key = IdempotencyKey::from_request_parts(parts, state).await?;
        Ok(Self { key, wait: Wait::of(&parts.headers) })
    }
}

impl Submission {
    /// Says whose it is; `what` is all that makes it another request than others.
    pub(in crate::http::v1) fn of(self, member: Member, what: &impl Serialize) -> Submitted {
        let Self { key, wait } = self;
        let (scope, requested_by) = (member.tenant.scope, member.principal.email);
        let name = match &key {
            Some(key) => RunName::of_key(scope.tenant_id(), &requested_by, key.as_str()),
            None => RunName::of_request(telemetry::ids::uuid_v7()),
        };
        let claim = Claim::new(scope, &requested_by, key, what);
        Submitted { scope, wait, claim, name, requested_by }
    }
}

impl Submitted {
    /// Starts the run, unless a request with the same key has. The answer has it as it stands, or as it has ended if
    /// that was within the time that the client prefers to wait.
    pub(in crate::http::v1) async fn answer(
        self,
        state: &AppState,
        start: impl Future<Output = Result<store::Run, app::Error>>,
    ) -> Result<Response, Problem> {
        let Self { scope, wait, claim, name: _, requested_by: _ } = self;
        let started = async { Ok(start.await?.id) };
        let (id, outcome) = claim.run(state, started).await?;
        accepted(state, scope, id, wait, outcome).await
    }
}

async fn accepted(
    state: &AppState,
    scope: TenantScope,
    id: Uuid,
    wait: Wait,
    outcome: Outcome,
) -> Result<Response, Problem> {
    let Wait(at_most) = wait;
    let run = app::runs::wait(state, scope, id, at_most).await?;
    let status = if run.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let whole = app::runs::whole(state, scope, id).await?;
    let mut response = (status, axum::Json(Run::from(whole))).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/workflow-runs/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(wait.applied());
    response.headers_mut().extend(outcome.header());
    Ok(response)
}
