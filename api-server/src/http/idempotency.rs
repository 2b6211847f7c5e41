//! `Idempotency-Key`: a creating request that is sent twice creates once.

use axum::{
    extract::OptionalFromRequestParts,
    http::{HeaderName, HeaderValue, header, request::Parts},
};
use jiff::SignedDuration;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::problem::{Code, Problem};
use crate::{
    app,
    auth::TenantScope,
    state::AppState,
    store::{
        TenantTx,
        idempotency::{self, ClaimResult, KeyedRequest, StoredResponse},
    },
};

const MAX_LEN: usize = 255;
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// A request is given up after 15 s, so one that has not ended after this time never will.
const STALE: SignedDuration = SignedDuration::from_secs(60);

/// The key of a request that has one.
#[derive(Clone, Debug)]
pub(in crate::http) struct IdempotencyKey(String);

/// A request's claim to be the only one of its key.
pub(in crate::http) struct Claim {
    scope: TenantScope,
    principal: String,
    key: Option<IdempotencyKey>,
    fingerprint: [u8; 32],
}

/// Whether the request has created something, or only found what an earlier one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Outcome {
    Created,
    Replayed,
}

impl IdempotencyKey {
    pub(in crate::http) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(None) };
        match value.to_str() {
            Ok(key) if (1..=MAX_LEN).contains(&key.len()) => Ok(Some(Self(key.to_owned()))),
            _ => Err(Problem::new(Code::InvalidParameter)
                .detail("an Idempotency-Key has 1 to 255 printable ASCII characters")),
        }
    }
}

impl Claim {
    /// The claim of a request; `what` is all that makes it another request than others.
    pub(in crate::http) fn new(
        scope: TenantScope,
        principal: &str,
        key: Option<IdempotencyKey>,
        what: &impl Serialize,
    ) -> Self {
        let bytes = serde_json::to_vec(what).unwrap_or_default();
        Self { scope, principal: principal.to_owned(), key, fingerprint: Sha256::digest(&bytes).into() }
    }

    /// The id of what `work` creates, or of what an earlier request with the same key has created.
    ///
    /// # Errors
    /// The key is another request's or is in use, `work` fails, or the database does.
    pub(in crate::http) async fn run(
        self,
        state: &AppState,
        work: impl Future<Output = Result<Uuid, Problem>>,
    ) -> Result<(Uuid, Outcome), Problem> {
        let Some(key) = &self.key else { return Ok((work.await?, Outcome::Created)) };
        let request =
            KeyedRequest { principal: &self.principal, key: key.as_str(), fingerprint: self.fingerprint };
        if let Some(id) = self.begin(state, request).await? {
            return Ok((id, Outcome::Replayed));
        }
        let created = work.await;
        self.end(state, request, created.as_ref().ok()).await?;
        Ok((created?, Outcome::Created))
    }

    async fn begin(&self, state: &AppState, request: KeyedRequest<'_>) -> Result<Option<Uuid>, Problem> {
        let now = telemetry::clock::now();
        let mut tx = TenantTx::begin(&state.db, self.scope).await.map_err(app::Error::from)?;
        let (stale, expires) = ((now - STALE).into(), (now + KEPT).into());
        let found = idempotency::claim(&mut tx, request, now.into(), stale, expires).await;
        let found = found.map_err(app::Error::from)?;
        tx.commit().await.map_err(app::Error::from)?;
        match found {
            ClaimResult::Claimed => Ok(None),
            ClaimResult::Completed(answer) => Ok(id_of(&answer)),
            ClaimResult::KeyReused => Err(Problem::new(Code::IdempotencyKeyReused)),
            ClaimResult::InProgress => Err(Problem::new(Code::IdempotencyInFlight)
                .header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        }
    }

    /// Keeps the id, or gives the key back: what failed may be tried again with it.
    async fn end(
        &self,
        state: &AppState,
        request: KeyedRequest<'_>,
        id: Option<&Uuid>,
    ) -> Result<(), Problem> {
        let mut tx = TenantTx::begin(&state.db, self.scope).await.map_err(app::Error::from)?;
        match id {
            Some(id) => idempotency::complete(&mut tx, request, &answer(*id)).await,
            None => idempotency::release(&mut tx, request).await,
        }
        .map_err(app::Error::from)?;
        Ok(tx.commit().await.map_err(app::Error::from)?)
    }
}

impl Outcome {
    /// Tells the client that nothing new was created.
    pub(in crate::http) fn header(self) -> Option<(HeaderName, HeaderValue)> {
        let replayed = (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
        (self == Self::Replayed).then_some(replayed)
    }
}

/// Only the id is kept of the answer: the object is shown as it stands now, for a client that retries after a cut
/// connection waits for its end.
fn answer(id: Uuid) -> StoredResponse {
    StoredResponse { status: 202, headers: serde_json::json!({}), body: serde_json::json!({"id": id}) }
}

fn id_of(answer: &StoredResponse) -> Option<Uuid> {
    answer.body.get("id")?.as_str()?.parse().ok()
}
