//! Whether the caller of a stream would still be admitted. A request is admitted once; its stream may last for an hour.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use super::{HttpState, authenticate::authenticate_headers};
use crate::auth::{self, Membership, Rule};

/// Interval at which a stream asks. With the 2 s for which identities, keys and sessions are cached, a deactivation, a revocation
/// and a change of roles end a stream within 5 s.
pub(in crate::http) const INTERVAL: Duration = Duration::from_secs(2);

/// What a caller of a stream has authenticated with, and what the stream requires.
#[derive(Clone)]
pub(in crate::http) struct Readmission {
    state: HttpState,
    credentials: HeaderMap,
    rule: Rule,
}

impl Readmission {
    /// Retains the credentials of a request.
    pub(in crate::http) fn new(state: &HttpState, headers: &HeaderMap, rule: Rule) -> Self {
        let retained = [header::AUTHORIZATION, header::COOKIE].into_iter();
        let credentials = retained.flat_map(|name| {
            headers.get_all(&name).into_iter().map(move |value| (name.clone(), value.clone()))
        });
        Self { state: state.clone(), credentials: credentials.collect(), rule }
    }

    /// Returns the caller's membership of its tenant with its present rights; `None` if it would not be admitted now, or if that cannot
    /// be found out.
    pub(in crate::http) async fn membership(&self) -> Option<Membership> {
        let HttpState { app, verifier, .. } = &self.state;
        // The request itself was counted.
        let mut principal = authenticate_headers(&self.state, &self.credentials, || Ok(())).await.ok()?;
        auth::apply_roles(verifier, &app.db, &mut principal, telemetry::clock::now()).await.ok()?;
        self.rule.allows(principal.permissions).then_some(principal.tenant)?
    }
}
