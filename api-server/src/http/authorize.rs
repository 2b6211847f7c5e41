//! Who asks, and whether they may: before any handler runs, by `operations.yaml`.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::problem::{Code, Problem};
use crate::{
    auth::{self, Membership, Operations, Principal, Rule, TokenError},
    state::AppState,
};

/// What the middleware needs.
#[derive(Clone)]
pub(in crate::http) struct Gate {
    pub(in crate::http) state: AppState,
    pub(in crate::http) operations: Arc<Operations>,
}

/// Lets a request through when its operation's rule allows it; handlers then take the [`Principal`].
pub(in crate::http) async fn authorize(
    State(gate): State<Gate>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let rule = gate.rule(request.method(), path.as_str())?;
    if rule == Rule::Public {
        return Ok(next.run(request).await);
    }
    let principal = auth::authenticate(&gate.state.verifier, &gate.state.db, request.headers()).await?;
    if !rule.allows(principal.permissions) {
        return Err(forbidden(rule));
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

impl Gate {
    /// An operation without a rule cannot be: the process would not have started.
    fn rule(&self, method: &Method, path: &str) -> Result<Rule, Problem> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.operations.rest(method.as_str(), path).ok_or_else(|| Problem::new(Code::Internal))
    }
}

fn forbidden(rule: Rule) -> Problem {
    let problem = Problem::new(Code::Forbidden);
    match rule {
        Rule::Permitted(permission) => problem.detail(format!("the permission {permission} is needed")),
        Rule::Public | Rule::Authenticated => problem,
    }
}

impl From<auth::Error> for Problem {
    fn from(error: auth::Error) -> Self {
        match &error {
            auth::Error::Missing => Self::new(Code::Unauthenticated)
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"smb-copilot\"")),
            auth::Error::Token(TokenError::Key(auth::KeyError::Unavailable { .. })) => {
                unavailable(&error, "the token's issuer does not give its keys")
            }
            auth::Error::Token(refusal) => refused(refusal),
            auth::Error::UnknownTenant { slug } => {
                Self::new(Code::TenantUnknown).detail(format!("tenant {slug} is not known here"))
            }
            auth::Error::Database(_) => unavailable(&error, "the database does not answer"),
        }
    }
}

fn refused(refusal: &TokenError) -> Problem {
    // RFC 6750, 3.1: the reason goes into the challenge too, for clients that read only that.
    let challenge = HeaderValue::from_static("Bearer realm=\"smb-copilot\", error=\"invalid_token\"");
    Problem::new(Code::InvalidToken).detail(refusal.to_string()).header(header::WWW_AUTHENTICATE, challenge)
}

/// Something that we need is down: logged here, and the client may come again.
pub(in crate::http) fn unavailable(error: &(dyn std::error::Error + 'static), detail: &str) -> Problem {
    tracing::error!(error, "a request cannot be answered");
    Problem::new(Code::Unavailable).detail(detail).header(header::RETRY_AFTER, HeaderValue::from_static("5"))
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// A principal of a tenant: what every operation on a tenant's own things takes.
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
