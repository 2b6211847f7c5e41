//! Why a use case ends without what was wanted.

use super::case::upper_snake;
use crate::{
    mirror, objects,
    store::{self, CancelMode, InvalidCursor, RunStatus, TenantState},
};

/// One thing that is wrong with what a caller gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer into what was given.
    pub pointer: String,
    /// What is wrong, for machines.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
}

/// Why a use case ends without what was wanted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's tenant has no such object.
    #[error("failed to find it")]
    NotFound,
    /// The cursor is of another list, or was altered.
    #[error("failed to accept the cursor")]
    InvalidCursor(#[from] InvalidCursor),
    /// The cursor is no place in a log.
    #[error("failed to accept the cursor: it is no place in a log")]
    InvalidLogCursor,
    /// The tenant accepts no writes.
    #[error("failed to write: tenant {slug} is {}", name(*state))]
    TenantSuspended {
        /// The tenant.
        slug: String,
        /// Why it accepts none.
        state: TenantState,
    },
    /// An archived workflow starts no runs.
    #[error("failed to start a run: workflow {workflow} is archived")]
    WorkflowArchived {
        /// The workflow's name.
        workflow: String,
    },
    /// The input does not fit the workflow's schema.
    #[error("failed to accept the input: it does not fit the workflow's schema")]
    InvalidInput(Vec<Violation>),
    /// The input is too long.
    #[error("failed to accept an input of {bytes} bytes: {limit} are allowed")]
    InputTooLarge {
        /// Its length as compact JSON, in bytes.
        bytes: usize,
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// Values that are large cannot be kept.
    #[error("failed to use object storage: none is configured")]
    NoObjectStorage,
    /// The output is too long.
    #[error("failed to store an output of {bytes} bytes: {limit} are allowed")]
    OutputTooLarge {
        /// Its length, in bytes.
        bytes: usize,
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// The bytes are not those that were promised.
    #[error("failed to accept the bytes: their SHA-256 is {found}, not {promised}")]
    DigestMismatch {
        /// What was promised.
        promised: String,
        /// What it is.
        found: String,
    },
    /// More lines than may be sent at once.
    #[error("failed to accept {lines} lines at once: {limit} are allowed")]
    TooManyLines {
        /// How many there are.
        lines: usize,
        /// How many may be sent.
        limit: usize,
    },
    /// Object storage does not answer, or not as it should.
    #[error("failed to use object storage")]
    Objects(#[from] objects::Error),
    /// The idempotency key belongs to another request.
    #[error("failed to use the idempotency key: it belongs to another request")]
    KeyReused,
    /// A run that has ended cannot be changed.
    #[error("failed to {action}: the run has ended as {}", upper_snake(&format!("{status:?}")))]
    RunFinished {
        /// What was wanted.
        action: &'static str,
        /// How it ended.
        status: RunStatus,
    },
    /// Only a run that has ended is repeated in part.
    #[error("failed to take over outputs: the run has not ended")]
    RunUnfinished,
    /// The workflow of the run is gone.
    #[error("failed to run again: workflow {workflow} is gone")]
    WorkflowGone {
        /// Its name.
        workflow: String,
    },
    /// The workflow has no such steps.
    #[error("failed to run again: the workflow does not have all of these steps")]
    UnknownSteps(Vec<Violation>),
    /// The run has no such step, or the step no such item.
    #[error("failed to decide: the run has no step or item {key}")]
    NoSuchStep {
        /// The key of the decision.
        key: String,
    },
    /// The step asks for no decision now.
    #[error("failed to decide: {key} does not wait for a decision")]
    NotWaiting {
        /// The key of the decision.
        key: String,
    },
    /// A decision comes once.
    #[error("failed to decide: it is decided already, {}", if *approved { "approved" } else { "refused" })]
    AlreadyDecided {
        /// How it was decided.
        approved: bool,
    },
    /// Others are asked.
    #[error("failed to decide: that takes the rights of one of the roles {}", roles.join(", "))]
    NotAsked {
        /// Who is asked.
        roles: Vec<String>,
    },
    /// What was filled in does not fit the approval's schema.
    #[error("failed to accept the decision: its input does not fit the approval's schema")]
    InvalidDecision(Vec<Violation>),
    /// Somebody else writes to the run all the time.
    #[error("failed to {action}: the run changes too fast")]
    Contended {
        /// What was tried.
        action: &'static str,
    },
    /// A cancellation cannot be changed.
    #[error("failed to cancel: the run is already being cancelled as {}", upper_snake(&format!("{asked:?}")))]
    CancellationFixed {
        /// How it was asked to stop.
        asked: CancelMode,
    },
    /// Kubernetes says that the object cannot be; its message is meant for the one who wrote it.
    #[error("failed to {action}: {message}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// What Kubernetes says.
        message: String,
    },
    /// Kubernetes does not answer, or not as it should.
    #[error("failed to {action}")]
    Kubernetes {
        /// What was tried.
        action: &'static str,
        /// What came back.
        source: kube::Error,
    },
    /// Kubernetes took longer than a caller should wait.
    #[error("failed to {action} within {seconds} s")]
    KubernetesSlow {
        /// What was tried.
        action: &'static str,
        /// The bound.
        seconds: u64,
    },
    /// The database does not answer, or not as it should.
    #[error("failed to use the database")]
    Store(#[from] store::Error),
    /// The object was written, and cannot be read yet.
    #[error("failed to mirror what was written")]
    Mirror(#[from] mirror::Error),
}

fn name(state: TenantState) -> &'static str {
    match state {
        TenantState::Active => "active",
        TenantState::Suspended => "suspended",
        TenantState::Archived => "archived",
    }
}
