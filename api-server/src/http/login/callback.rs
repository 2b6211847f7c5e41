//! `GET /auth/callback`

use std::sync::Arc;

use axum::{
    extract::{Query, Request, State},
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse as _, Response},
};

use super::{begin::redirect, cookie, enabled};
use crate::{
    app::{self, App},
    auth::{
        self, Claims, IdentityError, LoginAttempt, LoginCallback, LoginClient, LoginError,
        MAX_SESSION_SECONDS, Origin, Principal, Verifier,
    },
    http::audit,
    problem::{Code, Problem},
};

/// Receives the answer of an issuer, creates a session, and sends the browser to the page that it came from.
pub(super) async fn finish_login(
    State(app): State<App>,
    State(verifier): State<Arc<Verifier>>,
    State(login): State<Option<Arc<LoginClient>>>,
    request: Request,
) -> Response {
    let origin = audit::origin(&request);
    let (parts, _) = request.into_parts();
    let finished = finish(&app, &verifier, login, &parts, origin).await;
    finished.unwrap_or_else(|problem| {
        // The login can only be begun again.
        let mut response = problem.into_response();
        response.headers_mut().extend(cookie::without_attempt().map(|cookie| (header::SET_COOKIE, cookie)));
        response
    })
}

async fn finish(
    app: &App,
    verifier: &Verifier,
    login: Option<Arc<LoginClient>>,
    request: &Parts,
    origin: Origin,
) -> Result<Response, Problem> {
    let login = enabled(login)?;
    let failed = |reason| Problem::from(LoginError::Answer(reason));
    let Query(answer) = Query::<LoginCallback>::try_from_uri(&request.uri)
        .map_err(|_| failed("a parameter of the answer is given twice, or not in UTF-8"))?;
    let attempt = cookie::attempt(&request.headers).and_then(LoginAttempt::from_cookie);
    let attempt = attempt.ok_or_else(|| failed("this browser has not begun it, or blocks cookies"))?;
    let now = telemetry::clock::now();
    let claims = login.finish(verifier, &attempt, answer, now.as_second()).await?;
    let principal = identify(app, verifier, &claims, origin).await?;
    if principal.tenant.is_none() {
        return Err(Problem::new(Code::TenantRequired));
    }
    let session = app::sessions::create(app, &principal, &claims, attempt.digest(), now).await?;
    let location = HeaderValue::from_str(attempt.return_to.as_str()).ok();
    let cookie = cookie::with_session(&session.token.secret(), MAX_SESSION_SECONDS);
    Ok(redirect(location, [cookie, cookie::without_attempt()]))
}

/// Returns the principal of the claims, and admits a person who logs in for the first time.
async fn identify(
    app: &App,
    verifier: &Verifier,
    claims: &Claims,
    origin: Origin,
) -> Result<Principal, Problem> {
    let found = match auth::identify_claims(verifier, &app.db, claims).await {
        Err(IdentityError::FirstLogin(first)) => {
            let admitted = app::users::admit(app, &first, &origin).await;
            verifier.forget_user(&first.issuer, &first.subject);
            if admitted.is_err() {
                verifier.remember_refusal(&first.issuer, &first.subject);
            }
            admitted?;
            auth::identify_claims(verifier, &app.db, claims).await
        }
        result => result,
    };
    let mut principal = found.map_err(auth::Error::Identity)?;
    principal.origin = Arc::new(origin);
    Ok(principal)
}
