//! The headers and the response that all requests which start a run share.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;

use super::resource::Run;
use crate::{
    app::{
        self, App,
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        runs::RunName,
    },
    auth::TenantScope,
    http::{authorize::Member, body::BodyMemory, extract::Wait, idempotency::replayed},
    problem::Problem,
    store,
};

/// Headers `Idempotency-Key` and `Prefer: wait`.
pub(in crate::http::v1) struct SubmissionHeaders {
    key: Option<IdempotencyKey>,
    wait: Wait,
    body_memory: Option<BodyMemory>,
}

/// Request to start a run, with its caller.
pub(in crate::http::v1) struct Submission {
    scope: TenantScope,
    wait: Wait,
    body_memory: Option<BodyMemory>,
    claim: Claim,
    /// Name of the run to start.
    pub(in crate::http::v1) name: RunName,
    /// Email address of the caller.
    pub(in crate::http::v1) requested_by: String,
}

impl<S: Send + Sync> FromRequestParts<S> for SubmissionHeaders {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let key = IdempotencyKey::from_request_parts(parts, state).await?;
        let body_memory = parts.extensions.get().cloned();
        Ok(Self { key, wait: Wait::from_headers(&parts.headers), body_memory })
    }
}

impl SubmissionHeaders {
    /// Builds the submission of a caller. A request with the same key and another action is rejected.
    pub(in crate::http::v1) fn submission(self, member: Member, action: &KeyedAction<'_>) -> Submission {
        let Self { key, wait, body_memory } = self;
        let (scope, requested_by) = (member.tenant.scope, member.principal.email);
        let name = match &key {
            Some(key) => RunName::from_key(scope.tenant_id(), &requested_by, key.as_str()),
            None => RunName::from_request_id(telemetry::ids::uuid_v7()),
        };
        let claim = Claim::new(scope, &requested_by, key, action);
        Submission { scope, wait, body_memory, claim, name, requested_by }
    }
}

impl Submission {
    /// Starts the run unless an earlier request with the same key has started it, waits for the time in `Prefer: wait`,
    /// and returns the response.
    pub(in crate::http::v1) async fn submit(
        self,
        app: &App,
        start: impl Future<Output = Result<store::Run, app::Error>>,
    ) -> Result<Response, Problem> {
        let Self { scope, wait, body_memory, claim, name: _, requested_by: _ } = self;
        let (id, outcome) = claim.run(app, async { Ok(start.await?.id) }).await?;
        // The input is no longer in memory. The wait may take a minute.
        if let Some(body_memory) = body_memory {
            body_memory.release();
        }
        // Whoever starts a run gets it, also without the permission to read it later.
        response(app, scope.unrestricted(), id, wait, outcome).await
    }
}

async fn response(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    wait: Wait,
    outcome: Outcome,
) -> Result<Response, Problem> {
    let Wait(limit) = wait;
    let waited = app::runs::wait(app, scope, id, limit).await?;
    let status = if waited.run.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let (details, _held) = app::runs::details(app, scope, id).await?;
    let mut response = (status, axum::Json(Run::from(details))).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/workflow-runs/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(wait.applied(&waited));
    response.headers_mut().extend(replayed(outcome));
    Ok(response)
}
