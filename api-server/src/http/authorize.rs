//! Authentication and authorization of requests on the public port, by the rules of `operations.yaml`, before any
//! handler runs.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;

use super::{
    HttpState, audit,
    authenticate::authenticate,
    body::{self, BodyLimits},
    in_flight,
    listener::{Connection, client_address},
    login,
    query_parameters::QueryParameters,
    rate_limit,
    readmission::Readmission,
    request_bodies::{ExpectedBody, RequestBodies},
};
use crate::{
    app::{self, App, audit::Operation},
    auth::{
        self, ApiKeyError, IdentityError, Membership, Operations, Principal, Rule, SessionError, TokenError,
    },
    problem::{Code, Problem, rate_limited},
};

/// State of the [`authorize`] middleware.
#[derive(Clone)]
pub(in crate::http) struct AuthorizationState {
    pub(in crate::http) http: HttpState,
    pub(in crate::http) operations: Arc<Operations>,
    pub(in crate::http) parameters: Arc<QueryParameters>,
    pub(in crate::http) bodies: Arc<RequestBodies>,
}

/// Authenticates the caller and checks the permission that the operation requires. Handlers extract the [`Principal`].
pub(in crate::http) async fn authorize(
    State(state): State<AuthorizationState>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let operation = operation_name(request.method(), path.as_str());
    let rule = state.rule(&operation)?;
    let HttpState { app, .. } = &state.http;
    let address = client_address(request.extensions());
    let admit = || rate_limit::count_address(&app.limits, address);
    if rule == Rule::Public {
        admit().map_err(|error| rate_limited("address", &error))?;
        return Ok(next.run(request).await);
    }
    let origin = audit::origin(&request);
    let mut principal = authenticate(&state.http, request.headers(), address, &origin).await?;
    principal.origin = Arc::new(origin);
    if let Some(session) = &principal.session {
        login::check_origin(state.http.login.as_deref(), session, request.method(), request.headers())?;
    }
    auth::apply_roles(&state.http.verifier, &app.db, &mut principal, telemetry::clock::now())
        .await
        .map_err(auth::Error::RoleLookup)?;
    #[cfg(test)]
    state.http.verifier.apply_mutant(&mut principal);
    record_use(&state.http, &principal);
    // Platform administrators share the permits of one key.
    let tenant = principal.tenant.as_ref().map(|tenant| tenant.scope.tenant_id()).unwrap_or_default();
    if let Some(connection) = request.extensions().get::<Connection>() {
        connection.authenticate(&tenant);
    }
    let rate_headers = rate_limit::count_principal(&app.limits, &principal)?;
    let audited = audit::operation(app, &principal, request.method(), &operation, rule);
    let readmission = Readmission::new(&state.http, request.headers(), rule);
    request.extensions_mut().insert(readmission);
    let response = if rule.allows(principal.permissions) {
        request.extensions_mut().insert(state.bodies.expected(&operation));
        match state.parameters.check(&operation, request.uri()) {
            Ok(()) => admit_and_run(app, principal, tenant, audited, request, next).await,
            Err(problem) => Err(problem),
        }
    } else {
        Err(match audited {
            Some(audited) => audit::refuse(audited, forbidden(rule)).await,
            None => {
                app::audit::record_refused_read(app, &principal, &operation, rule).await;
                forbidden(rule)
            }
        })
    };
    // Refused requests are counted, too, and show what remains.
    let mut response = response.into_response();
    response.headers_mut().extend(rate_headers.into_iter().flatten());
    Ok(response)
}

/// Records the use of an API key or a session, without delaying its request.
fn record_use(HttpState { app, verifier, .. }: &HttpState, principal: &Principal) {
    let session = principal.session.as_ref().map(|session| session.id);
    let (Some(id), Some(tenant)) = (principal.api_key.or(session), &principal.tenant) else { return };
    if verifier.should_record_use(id) {
        let (app, scope) = (app.clone(), tenant.scope);
        app.writes.clone().spawn(async move {
            let recorded = match session {
                Some(session) => app::sessions::record_use(&app, scope, session).await,
                None => app::api_keys::record_use(&app, scope, id).await,
            };
            if let Err(error) = recorded {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "failed to record the use of an API key or a session");
            }
        });
    }
}

/// Runs the handler of a request once there is room for the request and its body.
async fn admit_and_run(
    app: &App,
    principal: Principal,
    tenant: Uuid,
    audited: Option<Operation>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let permit = app.limits.requests.try_acquire(&tenant).map_err(in_flight::too_many_requests)?;
    let permit = Arc::new(permit);
    // The scope of the principal is of use as long as its rights are held.
    let rights = principal.tenant.as_ref().and_then(|tenant| tenant.rights.clone());
    request.extensions_mut().insert(principal);
    let expected = request.extensions().get::<ExpectedBody>().map(|body| (body.kind, body.max_bytes));
    let (kind, bytes) = expected.ok_or_else(|| Problem::new(Code::Internal))?;
    let limit = BodyLimits { bytes, time: app.limits.body_time };
    let (request, memory) = body::admit(request, kind, &app.limits, &tenant, limit).await?;
    // A write that goes on without its client holds its permit.
    let held = permit.clone();
    let work = async move {
        let response = next.run(request).await;
        memory.release();
        drop((held, rights));
        response
    };
    let response = match audited {
        Some(audited) => audit::run(audited, work).await?,
        None => work.await,
    };
    let size = in_flight::size(&response);
    let memory = in_flight::reserve_response(&app.limits, &tenant, size).await?;
    Ok(in_flight::hold_until_sent(response, (permit, memory)))
}

impl AuthorizationState {
    /// Returns the rule of an operation. Every operation has one: the process does not start otherwise.
    fn rule(&self, operation: &str) -> Result<Rule, Problem> {
        self.operations.rest_rule(operation).ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// Returns the name of an operation, as in `operations.yaml`.
pub(in crate::http) fn operation_name(method: &Method, path: &str) -> String {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    format!("{method} {path}")
}

fn forbidden(rule: Rule) -> Problem {
    let problem = Problem::new(Code::Forbidden);
    match rule {
        Rule::Permitted(permission) => problem.detail(format!("permission {permission} required")),
        Rule::Public | Rule::Authenticated => problem,
    }
}

impl From<auth::Error> for Problem {
    fn from(error: auth::Error) -> Self {
        match &error {
            auth::Error::Missing => Self::new(Code::Unauthenticated)
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"smb-copilot\"")),
            auth::Error::Token(TokenError::Key(auth::KeyError::Unavailable { .. })) => {
                Self::unavailable(&error, "the signing keys of the token issuer are unavailable")
            }
            auth::Error::Token(error) => invalid_token(error),
            auth::Error::RateExceeded(error) => rate_limited("address", error),
            auth::Error::ApiKey(ApiKeyError::Deactivated) => Self::new(Code::UserDeactivated),
            auth::Error::ApiKey(ApiKeyError::RateExceeded(error)) => rate_limited("address", error),
            auth::Error::ApiKey(ApiKeyError::Lookup(_)) => {
                Self::unavailable(&error, "the database is unavailable")
            }
            auth::Error::ApiKey(source @ ApiKeyError::Refused) => invalid_token(source),
            auth::Error::Session(SessionError::Identity(source)) | auth::Error::Identity(source) => {
                from_identity(&error, source)
            }
            auth::Error::Session(SessionError::RateExceeded(error)) => rate_limited("address", error),
            auth::Error::Session(SessionError::Lookup(_)) => {
                Self::unavailable(&error, "the database is unavailable")
            }
            auth::Error::Session(source @ SessionError::Refused) => invalid_token(source),
            auth::Error::RoleLookup(_) => Self::unavailable(&error, "the database is unavailable"),
        }
    }
}

fn from_identity(error: &auth::Error, source: &IdentityError) -> Problem {
    match source {
        IdentityError::UnknownTenant { slug } => {
            Problem::new(Code::TenantUnknown).detail(format!("tenant {slug} does not exist"))
        }
        IdentityError::UnknownUser | IdentityError::FirstLogin(_) => Problem::new(Code::UserUnknown),
        IdentityError::Invitation => Problem::new(Code::InvitationInvalid),
        IdentityError::Deactivated => Problem::new(Code::UserDeactivated),
        IdentityError::OtherTenant { .. } => Problem::new(Code::UserUnknown).detail(source.to_string()),
        IdentityError::Issuer(source) => invalid_token(source),
        IdentityError::Lookup(_) => Problem::unavailable(error, "the database is unavailable"),
    }
}

fn invalid_token(error: &dyn std::error::Error) -> Problem {
    // RFC 6750, section 3.1: the challenge also names the error, for clients that read only headers.
    let challenge = HeaderValue::from_static("Bearer realm=\"smb-copilot\", error=\"invalid_token\"");
    Problem::new(Code::InvalidToken).detail(error.to_string()).header(header::WWW_AUTHENTICATE, challenge)
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// Caller that belongs to a tenant. Operations on a tenant's own resources extract it.
pub(in crate::http) struct Member {
    pub(in crate::http) principal: Principal,
    pub(in crate::http) tenant: Membership,
}

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut principal = Principal::from_request_parts(parts, state).await?;
        match principal.tenant.take() {
            Some(tenant) => Ok(Self { principal, tenant }),
            None => Err(Problem::new(Code::TenantRequired)),
        }
    }
}
