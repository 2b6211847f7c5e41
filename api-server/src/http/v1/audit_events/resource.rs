//! The JSON representation of an audit event.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    http::v1::{json::AnyJson, time::Time},
    store::audit::{self, ActorKind, Outcome},
};

/// Operation that changed something, or that was refused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct AuditEvent {
    /// Immutable ID of the audit event.
    id: Uuid,
    /// Permission that the operation requires. `retention.delete` and `tenant.data.delete` are deletions by the platform.
    #[schema(example = "workflow.run.cancel")]
    action: String,
    /// Route of REST, field of GraphQL, or name of a job.
    #[schema(example = "PUT /v1/workflow-runs/{id}/cancellation")]
    operation: String,
    /// Who did it.
    actor: Actor,
    /// From where it was requested. Null for a job of the platform.
    #[schema(required = true)]
    request: Option<Request>,
    /// Object that it concerns. Null if it was refused before the object was known.
    #[schema(required = true)]
    object: Option<Object>,
    /// Outcome: `SUCCEEDED`; `REFUSED` if the request does not permit it; `FAILED` if nothing was changed because of a failure;
    /// `UNKNOWN` if it was interrupted, so that it may have been done. Null while it is in progress.
    #[schema(example = "SUCCEEDED", required = true)]
    outcome: Option<&'static str>,
    /// Code of the error, if it did not succeed.
    #[schema(example = "run_finished", required = true)]
    code: Option<String>,
    /// Changed fields, at most 50. Values that are large or may be secret are left out: those of inputs, settings and steps.
    #[schema(value_type = Vec<Change>)]
    changes: AnyJson,
    /// Time at which the operation began.
    created_at: Time,
    /// Time at which it ended. Null while it is in progress.
    #[schema(required = true)]
    completed_at: Option<Time>,
}

/// Fields of [`AuditEvent`], which a list can select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "camelCase")]
pub(in crate::http) enum AuditEventField {
    Id,
    Action,
    Operation,
    Actor,
    Request,
    Object,
    Outcome,
    Code,
    Changes,
    CreatedAt,
    CompletedAt,
}

/// Who did something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditActor)]
pub(in crate::http) struct Actor {
    /// Kind: `USER` of a tenant, `PLATFORM_USER`, or `SYSTEM` for a job of the platform.
    #[schema(example = "USER")]
    kind: &'static str,
    /// Issuer of the user's token.
    #[schema(required = true)]
    issuer: Option<String>,
    /// Identifier of the user that the issuer has chosen, or the name of the job.
    #[schema(required = true)]
    subject: Option<String>,
    /// Email address of the user.
    #[schema(required = true)]
    email: Option<String>,
    /// Roles in the user's token.
    #[schema(value_type = Vec<String>)]
    roles: AnyJson,
}

/// From where something was requested.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRequest)]
pub(in crate::http) struct Request {
    /// ID of the request, as in its `X-Request-Id` response header.
    id: String,
    /// Address of the client.
    #[schema(required = true)]
    client_address: Option<String>,
    /// `User-Agent` header.
    #[schema(required = true)]
    user_agent: Option<String>,
    /// `traceparent` (W3C Trace Context).
    #[schema(required = true)]
    traceparent: Option<String>,
    /// Path and query.
    #[schema(required = true)]
    target: Option<String>,
}

/// Object of an operation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditObject)]
pub(in crate::http) struct Object {
    /// Kind: `TENANT`, `WORKFLOW`, `WORKFLOW_RUN`, `USER`, `INVITATION`, `API_KEY` or `SERVICE_ACCOUNT`; more may be added.
    #[schema(example = "WORKFLOW_RUN")]
    kind: String,
    /// ID. Null if the object was not created.
    #[schema(required = true)]
    id: Option<Uuid>,
    /// Name in Kubernetes.
    #[schema(required = true)]
    name: Option<String>,
}

/// Changed field.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditChange)]
#[allow(dead_code, reason = "only the schema is used: the database has the JSON")]
pub(in crate::http) struct Change {
    /// JSON pointer to the field. `*` stands for further fields.
    #[schema(example = "/cancel")]
    field: String,
    /// Value before the change. Absent if there was none, or if it is left out.
    before: Option<AnyJson>,
    /// Value after the change. Absent if there is none, or if it is left out.
    after: Option<AnyJson>,
    /// True if values are left out.
    omitted: Option<bool>,
}

impl From<audit::AuditEvent> for AuditEvent {
    fn from(event: audit::AuditEvent) -> Self {
        let audit::AuditEvent {
            id,
            created_at,
            operation,
            action,
            actor_kind,
            actor_issuer,
            actor_subject,
            actor_email,
            actor_roles,
            client_address,
            user_agent,
            request_id,
            traceparent,
            target,
            outcome,
            code,
            object_kind,
            object_id,
            object_name,
            changes,
            completed_at,
        } = event;
        let empty = || serde_json::json!([]);
        Self {
            id,
            action,
            operation,
            actor: Actor {
                kind: kind_name(actor_kind),
                issuer: actor_issuer,
                subject: actor_subject,
                email: actor_email,
                roles: actor_roles.unwrap_or_else(empty).into(),
            },
            request: request_id.map(|id| Request { id, client_address, user_agent, traceparent, target }),
            object: object_kind.map(|kind| Object { kind, id: object_id, name: object_name }),
            outcome: outcome.map(outcome_name),
            code,
            changes: changes.unwrap_or_else(empty).into(),
            created_at: created_at.into(),
            completed_at: completed_at.map(Into::into),
        }
    }
}

fn kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::User => "USER",
        ActorKind::PlatformUser => "PLATFORM_USER",
        ActorKind::System => "SYSTEM",
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "SUCCEEDED",
        Outcome::Refused => "REFUSED",
        Outcome::Failed => "FAILED",
        Outcome::Unknown => "UNKNOWN",
    }
}
