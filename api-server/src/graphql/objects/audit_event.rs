//! The type `AuditEvent`.

use async_graphql::{Enum, ID, Json, Object, SimpleObject};
use serde_json::Value;

use crate::{
    graphql::{
        global_id::{GlobalId, Kind},
        scalars::DateTime,
    },
    store::{
        self,
        audit::{self, ActorKind, Outcome},
    },
};

/// Kind of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "ActorKind")]
pub(in crate::graphql) enum AuditActorKind {
    /// User of the tenant.
    User,
    /// Administrator of the platform.
    PlatformUser,
    /// Job of the platform.
    System,
}

/// Outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Outcome")]
pub(in crate::graphql) enum AuditOutcome {
    /// It was done.
    Succeeded,
    /// The request does not permit it.
    Refused,
    /// Nothing was changed because of a failure.
    Failed,
    /// It was interrupted, so that it may have been done.
    Unknown,
}

/// Who did something.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditActor {
    /// Kind of the actor.
    kind: AuditActorKind,
    /// Issuer of the user's token.
    issuer: Option<String>,
    /// Identifier of the user that the issuer has chosen, or the name of the job.
    subject: Option<String>,
    /// Email address of the user.
    email: Option<String>,
    /// Roles in the user's token.
    roles: Vec<String>,
}

/// From where something was requested.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditRequest {
    /// ID of the request, as in its `X-Request-Id` response header.
    request_id: String,
    /// Address of the client.
    client_address: Option<String>,
    /// `User-Agent` header.
    user_agent: Option<String>,
    /// `traceparent` (W3C Trace Context).
    traceparent: Option<String>,
    /// Path and query.
    target: Option<String>,
}

/// Object of an operation.
#[derive(SimpleObject)]
pub(in crate::graphql) struct AuditObject {
    /// Kind: `TENANT`, `WORKFLOW`, `WORKFLOW_RUN`, `USER`, `INVITATION`, `API_KEY`, `SERVICE_ACCOUNT`, `ROLE` or `POLICY`; more may be
    /// added.
    kind: String,
    /// Global ID of the object. Null if the object was not created.
    object_id: Option<ID>,
    /// Name in Kubernetes.
    name: Option<String>,
}

/// Operation that changed something, or that was refused.
pub(in crate::graphql) struct AuditEvent(pub(in crate::graphql) audit::AuditEvent);

/// Operation that changed something, or that was refused.
#[Object]
impl AuditEvent {
    /// Global ID of the audit event.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::AuditEvent.encode(self.0.id)
    }

    /// Permission that the operation requires, such as `workflow.run.cancel`. `retention.delete` and `tenant.data.delete` are
    /// deletions by the platform.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Route of REST, field of GraphQL, or name of a job.
    async fn operation(&self) -> &str {
        &self.0.operation
    }

    /// Who did it.
    async fn actor(&self) -> AuditActor {
        let roles = self.0.actor_roles.clone().unwrap_or_default();
        AuditActor {
            kind: self.0.actor_kind.into(),
            issuer: self.0.actor_issuer.clone(),
            subject: self.0.actor_subject.clone(),
            email: self.0.actor_email.clone(),
            roles: serde_json::from_value(roles).unwrap_or_default(),
        }
    }

    /// From where it was requested. Null for a job of the platform.
    async fn request(&self) -> Option<AuditRequest> {
        Some(AuditRequest {
            request_id: self.0.request_id.clone()?,
            client_address: self.0.client_address.clone(),
            user_agent: self.0.user_agent.clone(),
            traceparent: self.0.traceparent.clone(),
            target: self.0.target.clone(),
        })
    }

    /// Object that it concerns. Null if it was refused before the object was known.
    async fn object(&self) -> Option<AuditObject> {
        let kind = self.0.object_kind.clone()?;
        let object_id = self.0.object_id.and_then(|id| GlobalId::of_changed_object(&kind, id));
        let object_id = object_id.map(|id| id.encode());
        Some(AuditObject { kind, object_id, name: self.0.object_name.clone() })
    }

    /// Outcome. Null while the operation is in progress.
    async fn outcome(&self) -> Option<AuditOutcome> {
        self.0.outcome.map(Into::into)
    }

    /// Code of the error, if it did not succeed, such as `run_finished`.
    async fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Changed fields, at most 50, as a list of `{field, before, after, omitted}`. Values that are large or may be secret are left
    /// out, and `omitted` is true: those of inputs, settings and steps.
    async fn changes(&self) -> Json<Value> {
        Json(self.0.changes.clone().unwrap_or_else(|| serde_json::json!([])))
    }

    /// Time at which the operation began.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time at which it ended. Null while it is in progress.
    async fn completed_at(&self) -> Option<DateTime> {
        self.0.completed_at.map(Into::into)
    }
}

impl AuditEvent {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &audit::AuditEvent) -> store::Position {
        store::Position { created_at: row.created_at, id: row.id }
    }
}
