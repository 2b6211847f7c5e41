//! Idempotency keys: a creating request that is repeated with the same key creates one object.

use crds::run::ReuseFrom;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    app::{App, Error, documents, policies, roles, workflows::Definition},
    auth::TenantScope,
    store::{
        TenantTx,
        idempotency::{self, ClaimResult, KeyedRequest, StoredResponse},
    },
};

/// Maximum length of a key, in bytes.
const MAX_KEY_BYTES: usize = 255;
/// Time after which a key may be used for another request.
const KEY_TTL: SignedDuration = SignedDuration::from_hours(24);
/// Age at which a key without a response is free again. Requests are answered within 15 s, so the process that claimed
/// an older one has died.
const STALE_CLAIM_AGE: SignedDuration = SignedDuration::from_secs(60);

/// Idempotency key of a request: 1 to 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Action with an idempotency key. Requests with the same key are repetitions of one request only if their actions are
/// equal, whether they were sent by REST or GraphQL.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyedAction<'a> {
    /// Start of a run.
    StartRun {
        /// ID of the workflow.
        workflow: Uuid,
        /// Input of the run.
        input: &'a Value,
        /// Priority of the run.
        priority: Option<i32>,
    },
    /// Rerun of a run.
    RerunRun {
        /// ID of the earlier run.
        run: Uuid,
        /// Steps to execute again.
        from: Option<&'a ReuseFrom>,
    },
    /// Creation of a workflow.
    CreateWorkflow {
        /// Name of the workflow.
        name: &'a str,
        /// Fields of its spec.
        definition: &'a Definition,
    },
    /// Creation of an invitation.
    CreateInvitation {
        /// Address.
        email: &'a str,
        /// Full name.
        display_name: Option<&'a str>,
        /// Roles.
        roles: &'a [String],
    },
    /// Creation of an API key.
    CreateApiKey {
        /// Name.
        name: &'a str,
        /// Nodes of the permission tree.
        scopes: &'a [String],
        /// Expiry, in RFC 3339 format.
        expires_at: Option<String>,
        /// ID of the service account that owns the key.
        service_account: Option<Uuid>,
    },
    /// Rotation of an API key.
    RotateApiKey {
        /// ID of the key to replace.
        key: Uuid,
        /// Time for which the old key remains valid, in seconds.
        overlap_seconds: i64,
    },
    /// Creation of a service account.
    CreateServiceAccount {
        /// Name.
        name: &'a str,
        /// Purpose of the account.
        description: Option<&'a str>,
        /// Roles.
        roles: &'a [String],
    },
    /// Creation of a user.
    CreateUser {
        /// Address.
        email: &'a str,
        /// Full name.
        display_name: Option<&'a str>,
        /// URL of a picture.
        picture_url: Option<&'a str>,
        /// Roles.
        roles: &'a [String],
    },
    /// Creation of a document.
    CreateDocument {
        /// Document to create.
        document: &'a documents::NewDocument,
    },
    /// Creation of a role.
    CreateRole {
        /// Role to create.
        role: &'a roles::NewRole,
    },
    /// Creation of a policy.
    CreatePolicy {
        /// Policy to create.
        policy: &'a policies::NewPolicy,
    },
}

/// Claim of a request on its idempotency key.
pub struct Claim {
    scope: TenantScope,
    principal: String,
    key: Option<IdempotencyKey>,
    fingerprint: [u8; 32],
}

/// Whether a request created an object or an earlier request with the same key did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This request created the object.
    Created,
    /// An earlier request created the object.
    Replayed,
}

/// Returns the error of a read of the object that a request created: a repetition does not create it again.
#[must_use]
pub fn deleted_since(error: Error) -> Error {
    match error {
        Error::NotFound => Error::CreatedObjectDeleted,
        error => error,
    }
}

impl IdempotencyKey {
    /// Checks the length of a key; `None` if it is empty or longer than 255 bytes.
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        (1..=MAX_KEY_BYTES).contains(&key.len()).then(|| Self(key.to_owned()))
    }

    /// Returns the key of a part of the request that concerns one run.
    #[must_use]
    pub fn of_part(&self, run: Uuid) -> Self {
        let digest = Sha256::new().chain_update(run.as_bytes()).chain_update(self.0.as_bytes()).finalize();
        Self(format!("part-{}", hex::encode(digest)))
    }

    /// Returns the key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Claim {
    /// Builds the claim of a request. A request with the same key and another action is rejected.
    pub fn new(
        scope: TenantScope,
        principal: &str,
        key: Option<IdempotencyKey>,
        action: &KeyedAction<'_>,
    ) -> Self {
        let bytes = serde_json::to_vec(action).unwrap_or_default();
        Self { scope, principal: principal.to_owned(), key, fingerprint: Sha256::digest(&bytes).into() }
    }

    /// Returns the tenant of the request.
    #[must_use]
    pub fn scope(&self) -> TenantScope {
        self.scope
    }

    /// Returns the id of the object that `create` creates, or of the one that an earlier request with the same key
    /// has created. Without a key, `create` always runs.
    ///
    /// # Errors
    /// Returns an error if the key belongs to another request or is in use, if `create` fails, or if the database
    /// fails.
    pub async fn run(
        self,
        app: &App,
        create: impl Future<Output = Result<Uuid, Error>>,
    ) -> Result<(Uuid, Outcome), Error> {
        let Some(key) = &self.key else { return Ok((create.await?, Outcome::Created)) };
        let request =
            KeyedRequest { principal: &self.principal, key: key.as_str(), fingerprint: self.fingerprint };
        if let Some(id) = self.begin(app, request).await? {
            return Ok((id, Outcome::Replayed));
        }
        let created = create.await;
        self.end(app, request, created.as_ref().ok()).await?;
        Ok((created?, Outcome::Created))
    }

    async fn begin(&self, app: &App, request: KeyedRequest<'_>) -> Result<Option<Uuid>, Error> {
        let now = telemetry::clock::now();
        let mut tx = TenantTx::begin(&app.db, self.scope).await?;
        let (stale, expires) = ((now - STALE_CLAIM_AGE).into(), (now + KEY_TTL).into());
        let result = idempotency::claim(&mut tx, request, now.into(), stale, expires).await?;
        tx.commit().await?;
        match result {
            ClaimResult::Claimed => Ok(None),
            ClaimResult::Completed(response) => Ok(id_in_response(&response)),
            ClaimResult::KeyReused => Err(Error::KeyReused),
            ClaimResult::InProgress => Err(Error::KeyInUse),
        }
    }

    /// Stores the id of the created object, or releases the key if the creation failed, so that a retry can use it.
    async fn end(&self, app: &App, request: KeyedRequest<'_>, id: Option<&Uuid>) -> Result<(), Error> {
        let mut tx = TenantTx::begin(&app.db, self.scope).await?;
        match id {
            Some(id) => idempotency::complete(&mut tx, request, &response_with_id(*id)).await,
            None => idempotency::release(&mut tx, request).await,
        }?;
        Ok(tx.commit().await?)
    }
}

/// Builds the stored response. It has only the id, because a retry is answered with the object's current state: a client
/// that retries after a lost connection wants to wait for the end of the run.
fn response_with_id(id: Uuid) -> StoredResponse {
    StoredResponse { status: 202, headers: serde_json::json!({}), body: serde_json::json!({"id": id}) }
}

fn id_in_response(response: &StoredResponse) -> Option<Uuid> {
    response.body.get("id")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of an unusable length are refused before they reach the database.
    #[test]
    fn a_key_has_1_to_255_bytes() {
        assert_eq!(IdempotencyKey::new(""), None);
        assert!(IdempotencyKey::new(&"k".repeat(255)).is_some());
        assert_eq!(IdempotencyKey::new(&"k".repeat(256)), None);
    }
}
