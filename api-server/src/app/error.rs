//! Errors of use cases.

use std::time::Duration;

use domain::{admission::UnfinishedRunsExceeded, permission::Permission};

use super::{enum_names::serde_name, managed_fields::ManagedField};
use crate::{
    limits::{Exhausted, RateExceeded},
    mirror, objects,
    store::{self, CancelMode, InvalidCursor, RunStatus, TenantState},
    vectors,
};

/// Error in one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the request; empty if no part of the request is the cause.
    pub pointer: String,
    /// Machine-readable code of the error.
    pub code: String,
    /// Human-readable explanation of the error.
    pub message: String,
}

/// Error of a use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant has no such object.
    #[error("failed to find the resource")]
    NotFound,
    /// The principal lacks a permission that the operation requires besides its own.
    #[error("failed to read what the operation needs: permission {permission} required")]
    PermissionRequired {
        /// Permission that is missing.
        permission: Permission,
    },
    /// The principal has a permission for other resources, but not for this one.
    #[error("failed to access the resource: permission {permission} required for it")]
    NotPermitted {
        /// Permission that is missing.
        permission: Permission,
    },
    /// The principal has a permission for some resources, and the operation concerns all of them.
    #[error("failed to access all resources: permission {permission} required for all of them")]
    NotPermittedForAll {
        /// Permission that is missing.
        permission: Permission,
    },
    /// Somebody wants to grant or change rights that they do not have.
    #[error(
        "failed to {action}: you do not have these permissions yourself for all resources: {}",
        names(missing)
    )]
    GrantExceedsOwn {
        /// Action that failed.
        action: &'static str,
        /// Permissions that are missing.
        missing: Vec<Permission>,
    },
    /// A role or a policy is not valid.
    #[error("failed to {action}: the request has errors")]
    InvalidRule {
        /// Action that failed.
        action: &'static str,
        /// Errors in single fields.
        violations: Vec<Violation>,
    },
    /// A built-in role cannot be changed.
    #[error("failed to {action}: {role} is a built-in role; create a role of your own instead")]
    BuiltInRole {
        /// Action that failed.
        action: &'static str,
        /// Name of the role.
        role: String,
    },
    /// A role or a policy is still used.
    #[error("failed to {action}: {used_by}")]
    InUse {
        /// Action that failed.
        action: &'static str,
        /// What uses it, and what to do.
        used_by: String,
    },
    /// The tenant has as many roles or policies as possible.
    #[error("failed to {action}: the tenant has {limit} of them, which is the maximum")]
    TooManyRules {
        /// Action that failed.
        action: &'static str,
        /// Maximum number.
        limit: usize,
    },
    /// The cursor was altered or belongs to another list.
    #[error("failed to accept the cursor")]
    InvalidCursor(#[from] InvalidCursor),
    /// The cursor is not a position in a log.
    #[error("failed to accept the cursor: not a position in a log")]
    InvalidLogCursor,
    /// The cursor is not a position in the events of a tenant.
    #[error("failed to accept the cursor: not the ID of an event")]
    InvalidEventCursor,
    /// Events after the requested position were deleted.
    #[error(
        "failed to continue: the next events were deleted after their retention; read the current state, and begin without a position"
    )]
    EventsExpired,
    /// The tenant is suspended or archived and accepts no writes.
    #[error("failed to write: tenant {slug} is {}", state_name(*state))]
    TenantSuspended {
        /// Slug of the tenant.
        slug: String,
        /// State of the tenant.
        state: TenantState,
    },
    /// The operator has not set the tenant up in the namespace that it names, which may be that of another tenant.
    #[error(
        "failed to write: tenant {slug} is not set up in namespace {namespace} yet; its condition NamespaceReady says why: wait until it is true, or ask the administrator of the platform"
    )]
    TenantNotReady {
        /// Slug of the tenant.
        slug: String,
        /// Namespace that the tenant names.
        namespace: String,
    },
    /// The tenant is archived, which the API server knows earlier than the database.
    #[error("failed to {action}: the tenant is archived")]
    TenantArchived {
        /// Action that failed.
        action: &'static str,
    },
    /// The workflow is archived and cannot be run.
    #[error("failed to start a run: workflow {workflow} is archived")]
    WorkflowArchived {
        /// Name of the workflow.
        workflow: String,
    },
    /// The workflow has validation errors.
    #[error("failed to start a run: workflow {workflow} is not valid")]
    WorkflowInvalid {
        /// Name of the workflow.
        workflow: String,
        /// Validation errors of the workflow.
        problems: Vec<Violation>,
    },
    /// The input does not match the schema of the workflow.
    #[error("failed to accept the input: it does not match the schema of the workflow")]
    InvalidInput(Vec<Violation>),
    /// The input is too large.
    #[error("failed to accept an input of {bytes} bytes: at most {limit} are allowed")]
    InputTooLarge {
        /// Size as compact JSON, in bytes.
        bytes: usize,
        /// Maximum size, in bytes.
        limit: usize,
    },
    /// The input has too many values.
    #[error(
        "failed to accept an input of {values} values: at most {limit} are allowed; pass a large list as text, or an id under which a step reads it"
    )]
    InputTooManyValues {
        /// Number of values, lists and objects included.
        values: usize,
        /// Maximum number.
        limit: usize,
    },
    /// An input could not be checked against its schema.
    #[error("failed to check the input against its schema")]
    Compute(#[from] compute::Error),
    /// An uploaded image is of a format that is not accepted.
    #[error("failed to recognize the image: send PNG, JPEG or WebP")]
    UnsupportedImage,
    /// An uploaded image could not be converted.
    #[error("failed to convert the image")]
    PictureConversion(#[source] compute::Error),
    /// The converted image could not be encoded.
    #[error("failed to encode the converted image")]
    PictureEncoding(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tenant cannot get what its requests share.
    #[error("failed to {action}: too many requests do the same")]
    Exhausted {
        /// Action that failed.
        action: &'static str,
        /// Permits that are missing.
        source: Exhausted,
    },
    /// The requested contents of runs or workflows are too large for one response.
    #[error(
        "failed to read the contents: larger than {limit} bytes, or too many values; request fewer objects at once, or the outputs of single steps"
    )]
    ResponseTooLarge {
        /// Maximum size, in bytes.
        limit: usize,
    },
    /// Large values cannot be stored because no object storage is configured.
    #[error("failed to use object storage: none is configured")]
    NoObjectStorage,
    /// Documents cannot be searched because no vector database is configured.
    #[error("failed to search: no vector database is configured")]
    NoVectorDatabase,
    /// The operator has not set up the collection of the tenant.
    #[error(
        "failed to search: the vector storage of the tenant is not set up; its condition VectorStoreReady says why"
    )]
    NoKnowledgeBase,
    /// The vector database failed.
    #[error("failed to use the vector database")]
    Vectors(#[from] vectors::Error),
    /// The output is too large.
    #[error("failed to store an output of {bytes} bytes: at most {limit} are allowed")]
    OutputTooLarge {
        /// Size, in bytes.
        bytes: usize,
        /// Maximum size, in bytes.
        limit: usize,
    },
    /// The outputs of the tenant are as large as its plan allows.
    #[error(
        "failed to store an output of {bytes} bytes: the stored documents and outputs of the tenant have {used} bytes, and its plan allows {limit} (storageBytes); outputs are deleted with their runs, after the retention of the plan"
    )]
    StorageFull {
        /// Size of the output, in bytes.
        bytes: u64,
        /// Size of all stored outputs, in bytes.
        used: u64,
        /// Maximum size of all stored outputs, in bytes.
        limit: u64,
    },
    /// The tenant has as many documents as its plan allows.
    #[error(
        "failed to create the document: the tenant has {used} documents, and its plan allows {limit} (documents); delete some first"
    )]
    DocumentLimit {
        /// Number of documents.
        used: i64,
        /// Maximum number of documents.
        limit: i64,
    },
    /// The content of a document is too large.
    #[error(
        "failed to store the content: it has {bytes} bytes or more, and at most {limit} are allowed (documentBytes of the plan)"
    )]
    DocumentTooLarge {
        /// Announced size, or the size of what was received, in bytes.
        bytes: u64,
        /// Maximum size, in bytes.
        limit: u64,
    },
    /// The contents and outputs of the tenant are as large as its plan allows.
    #[error(
        "failed to store a content of {bytes} bytes: the stored documents and outputs of the tenant have {used} bytes, and its plan allows {limit} (storageBytes); delete documents first"
    )]
    DocumentStorageFull {
        /// Size of the content, in bytes.
        bytes: u64,
        /// Size of all stored contents and outputs, in bytes.
        used: u64,
        /// Maximum size of all stored contents and outputs, in bytes.
        limit: u64,
    },
    /// The client has not sent the whole body.
    #[error("failed to {action}: the body is incomplete")]
    Incomplete {
        /// Action that failed.
        action: &'static str,
        /// Error of the connection.
        source: axum::Error,
    },
    /// The client sends the body too slowly.
    #[error("failed to {action}: the body was not received within {timeout:?}")]
    TooSlow {
        /// Action that failed.
        action: &'static str,
        /// Maximum time.
        timeout: Duration,
    },
    /// The SHA-256 of the bytes differs from the announced one.
    #[error("failed to accept the bytes: their SHA-256 is {found}, not {announced}")]
    DigestMismatch {
        /// Announced SHA-256.
        announced: String,
        /// Actual SHA-256.
        found: String,
    },
    /// A batch has too many lines.
    #[error("failed to accept {lines} lines at once: at most {limit} are allowed")]
    TooManyLines {
        /// Number of lines.
        lines: usize,
        /// Maximum number of lines.
        limit: usize,
    },
    /// The object storage failed.
    #[error("failed to use object storage")]
    Objects(#[from] objects::Error),
    /// The idempotency key was used for another request.
    #[error("failed to use the idempotency key: it was used for another request")]
    KeyReused,
    /// Another request with the same idempotency key is in progress.
    #[error("failed to use the idempotency key: a request with the same key is in progress")]
    KeyInUse,
    /// The object that this request, or an earlier one with the same idempotency key, created does not exist any more.
    #[error(
        "failed to repeat the request: what it created was deleted; use another idempotency key to create it again"
    )]
    CreatedObjectDeleted,
    /// The run has finished and cannot be changed.
    #[error("failed to {action}: the run has finished with status {}", serde_name(status))]
    RunFinished {
        /// Action that failed.
        action: &'static str,
        /// Final status of the run.
        status: RunStatus,
    },
    /// Only the outputs of a finished run can be reused.
    #[error("failed to reuse outputs: the run has not finished")]
    RunUnfinished,
    /// Only a finished run can be deleted.
    #[error(
        "failed to delete the run: its status is {}; cancel it first, and wait until it has finished",
        serde_name(status)
    )]
    DeletedUnfinished {
        /// Status of the run.
        status: RunStatus,
    },
    /// An unfinished run needs the run.
    #[error("failed to delete the run: the unfinished run {user} needs it")]
    RunInUse {
        /// Name of the unfinished run.
        user: String,
    },
    /// The runs before this one took too long.
    #[error(
        "failed to begin in time: the other runs of the request took too long; repeat the request with this run"
    )]
    BulkTimeout,
    /// A bulk operation names no runs, too many, or one twice.
    #[error("failed to accept the list of runs")]
    BulkRuns(Vec<Violation>),
    /// Requests, or parts of them, exceed a rate.
    #[error("failed to accept the request: the {subject} has sent too many requests")]
    RateExceeded {
        /// Who has sent too many: `user` or `tenant`.
        subject: &'static str,
        /// Rate.
        source: RateExceeded,
    },
    /// The tenant has sent as many mails as it may.
    #[error(
        "failed to {action}: {subject} in the last {window}, and {limit} are allowed; repeat the request after {seconds} s"
    )]
    TooManyMails {
        /// Action that failed.
        action: &'static str,
        /// Mails that are too many, such as `50 mails of the tenant were sent`.
        subject: String,
        /// Time in which they are counted: `hour` or `day`.
        window: &'static str,
        /// Maximum number.
        limit: i64,
        /// Time after which the request can be repeated, in seconds.
        seconds: u64,
    },
    /// The workflow of the run was deleted.
    #[error("failed to rerun: workflow {workflow} was deleted")]
    WorkflowGone {
        /// Name of the workflow.
        workflow: String,
    },
    /// `from` names steps that the workflow does not have.
    #[error("failed to rerun: `from` names steps that the workflow does not have")]
    UnknownSteps(Vec<Violation>),
    /// The run has no such step, or the step no such item.
    #[error("failed to decide: {message}")]
    NoSuchStep {
        /// Explanation with the key of the decision and the keys that wait for one.
        message: String,
    },
    /// The step does not wait for a decision.
    #[error("failed to decide: {key} is not waiting for a decision")]
    NotWaiting {
        /// Key of the decision.
        key: String,
    },
    /// The decision was already made.
    #[error("failed to decide: already {}", if *approved { "approved" } else { "rejected" })]
    AlreadyDecided {
        /// True if approved, false if rejected.
        approved: bool,
    },
    /// The caller lacks the roles that permit a decision.
    #[error("failed to decide: one of these roles is required: {}", roles.join(", "))]
    NotAnApprover {
        /// Roles that may decide.
        roles: Vec<String>,
    },
    /// The input of the decision does not match the schema of the approval.
    #[error("failed to accept the decision: its input does not match the schema of the approval")]
    InvalidDecision(Vec<Violation>),
    /// Other writers changed the object, or the quota that counts it, during every attempt.
    #[error("failed to {action}: other requests changed the object or its quota during every attempt")]
    Contended {
        /// Action that failed.
        action: &'static str,
    },
    /// A graceful cancellation cannot follow one that kills the steps in progress.
    #[error("failed to cancel: the run is already being cancelled with mode {}", serde_name(requested))]
    CancellationFixed {
        /// Mode of the earlier cancellation.
        requested: CancelMode,
    },
    /// The Kubernetes API refused the object as invalid.
    #[error("failed to {action}: {message}")]
    Refused {
        /// Action that failed.
        action: &'static str,
        /// Message of the Kubernetes API, which addresses the author of the object.
        message: String,
        /// Errors in single fields.
        violations: Vec<Violation>,
    },
    /// An object of this name exists already.
    #[error("failed to {action}: {name} exists already")]
    AlreadyExists {
        /// Action that failed.
        action: &'static str,
        /// Name of the object.
        name: String,
    },
    /// The definition of a workflow is not valid.
    #[error("failed to {action}: its definition has errors")]
    InvalidDefinition {
        /// Action that failed.
        action: &'static str,
        /// Errors in single fields.
        violations: Vec<Violation>,
    },
    /// The description of a tenant is not valid.
    #[error("failed to {action}: the request has errors")]
    InvalidTenant {
        /// Action that failed.
        action: &'static str,
        /// Errors in single fields.
        violations: Vec<Violation>,
    },
    /// Fields of the request are not valid.
    #[error("failed to {action}: the request has errors")]
    InvalidRequest {
        /// Action that failed.
        action: &'static str,
        /// Errors in single fields.
        violations: Vec<Violation>,
    },
    /// The caller lacks permissions that it would grant, or that the user has whom it would change.
    #[error("failed to {action}: you lack permissions that the user has or would get: {}", missing.join(", "))]
    PermissionsExceeded {
        /// Action that failed.
        action: &'static str,
        /// Names of the permissions.
        missing: Vec<&'static str>,
    },
    /// The tenant would have no active owner.
    #[error(
        "failed to {action}: the user is the last active owner of the tenant; make another user an owner first"
    )]
    LastOwner {
        /// Action that failed.
        action: &'static str,
    },
    /// An active user cannot be deleted.
    #[error("failed to {action}: it is active; deactivate it first")]
    UserActive {
        /// Action that failed.
        action: &'static str,
    },
    /// Only the user of a key gets the secret of its successor.
    #[error("failed to {action}: it belongs to another user; revoke it, or let its user rotate it")]
    KeyOfAnotherUser {
        /// Action that failed.
        action: &'static str,
    },
    /// The tenant has as many objects of a kind as a tenant may have.
    #[error("failed to {action}: the tenant has {used} {kind}, and may have {limit}; delete some first")]
    TooManyObjects {
        /// Action that failed.
        action: &'static str,
        /// Kind of the objects, in the plural.
        kind: &'static str,
        /// Number of objects.
        used: i64,
        /// Maximum number of objects.
        limit: i64,
    },
    /// The tenant has as many users as its plan allows.
    #[error(
        "failed to create the user: the tenant has {used} users, deactivated and invited ones included, and its plan allows {limit} (users)"
    )]
    UserLimit {
        /// Number of users.
        used: i64,
        /// Maximum number of users.
        limit: i64,
    },
    /// A login has made a session already.
    #[error("failed to log in: this answer of the issuer was used already; log in again")]
    LoginReplayed,
    /// The state of the tenant does not permit the change.
    #[error("failed to {action}: it is {}", state_name(*state))]
    TenantState {
        /// Action that failed.
        action: &'static str,
        /// State of the tenant.
        state: TenantState,
    },
    /// Fields of the object belong to other tools.
    #[error("failed to {action}: {}", managed_fields(fields))]
    ManagedElsewhere {
        /// Action that failed.
        action: &'static str,
        /// Fields that the request would change, and their managers.
        fields: Vec<ManagedField>,
    },
    /// The object was changed since the client read it.
    #[error("failed to {action}: it was changed since it was read; read it again")]
    Stale {
        /// Action that failed.
        action: &'static str,
    },
    /// The tenant has as many workflows as its plan allows.
    #[error(
        "failed to create the workflow: the tenant has {used} workflows, archived ones included, and its plan allows {limit} (workflows)"
    )]
    WorkflowLimit {
        /// Number of workflows.
        used: u64,
        /// Maximum number of workflows.
        limit: u64,
    },
    /// The tenant has as many runs in the cluster as its plan allows.
    #[error(
        "failed to {action}: {used} runs of the tenant are stored, and its plan allows {limit} (storedRuns); wait until runs have finished and are deleted, or cancel some"
    )]
    PlanLimitReached {
        /// Action that failed.
        action: &'static str,
        /// Number of stored runs.
        used: u64,
        /// Maximum number of stored runs.
        limit: u64,
    },
    /// The tenant has as many unfinished runs, or inputs of them, as its plan allows.
    #[error("failed to start the run: {0}")]
    UnfinishedRuns(#[from] UnfinishedRunsExceeded),
    /// A write has no audit event, which is a defect.
    #[error("failed to {action}: no audit event was begun for it")]
    Unaudited {
        /// Action that failed.
        action: &'static str,
    },
    /// The Kubernetes API cannot be reached or refused the request.
    #[error("failed to {action}")]
    Kubernetes {
        /// Action that failed.
        action: &'static str,
        /// Cause of the failure.
        source: kube::Error,
    },
    /// The Kubernetes API did not answer in time.
    #[error("failed to {action} within {seconds} s")]
    KubernetesTimeout {
        /// Action that failed.
        action: &'static str,
        /// Time limit, in seconds.
        seconds: u64,
    },
    /// The database failed.
    #[error("failed to use the database")]
    Store(#[from] store::Error),
    /// The object was written but cannot be read yet.
    #[error("failed to mirror the written object")]
    Mirror(#[from] mirror::Error),
}

/// Maximum number of fields that a message names.
const MAX_SHOWN_FIELDS: usize = 5;

/// Lists the names of permissions.
fn names(permissions: &[Permission]) -> String {
    let names: Vec<_> = permissions.iter().map(|permission| permission.name()).collect();
    names.join(", ")
}

/// Says which tools manage fields, such as `argocd-controller manages spec.timeout: change it there`.
fn managed_fields(fields: &[ManagedField]) -> String {
    let shown = fields.iter().take(MAX_SHOWN_FIELDS).map(ManagedField::to_string);
    let more = fields.len().saturating_sub(MAX_SHOWN_FIELDS);
    let more = (more > 0).then(|| format!("{more} further fields are managed elsewhere"));
    let all: Vec<_> = shown.chain(more).collect();
    format!("{}; change these fields where they are managed", all.join(", "))
}

fn state_name(state: TenantState) -> &'static str {
    match state {
        TenantState::Active => "active",
        TenantState::Suspended => "suspended",
        TenantState::Archived => "archived",
    }
}
