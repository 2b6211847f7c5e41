//! Conversion of use case errors into problems.

use std::time::Duration;

use super::{Code, FieldError, Problem, rate_limited};
use crate::{
    app::{Error, ManagedField, Violation},
    limits::Exhausted,
    store,
};

/// Delay after which clients should retry a request that failed because of a defect.
const INTERNAL_RETRY_DELAY: Duration = Duration::from_secs(60);
/// Delay after which clients should retry while another request uses the same idempotency key.
const KEY_IN_USE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Delay after which clients should retry while too many requests of their tenant are in progress.
const BUSY_RETRY_DELAY: Duration = Duration::from_secs(1);

impl From<Error> for Problem {
    #[expect(clippy::too_many_lines, reason = "a table with one row for each error")]
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound => Self::new(Code::NotFound),
            Error::Compute(ref source) => from_compute(&error, source, &INPUTS),
            Error::PictureConversion(ref source) => from_compute(&error, source, &PICTURES),
            Error::UnsupportedImage => Self::new(Code::UnsupportedMediaType).detail(detail),
            Error::NoObjectStorage => Self::new(Code::NoObjectStorage).detail(detail),
            Error::NoVectorDatabase => Self::new(Code::NoVectorDatabase).detail(detail),
            Error::NoKnowledgeBase => Self::unavailable(&error, &detail),
            Error::Vectors(_) => Self::unavailable(&error, "the vector database is unavailable"),
            Error::TooSlow { .. } => Self::new(Code::RequestTimeout).detail(detail),
            Error::Incomplete { .. } => Self::new(Code::Malformed).detail(detail),
            Error::OutputTooLarge { .. }
            | Error::DocumentTooLarge { .. }
            | Error::StorageFull { .. }
            | Error::TooManyLines { .. }
            | Error::InputTooLarge { .. }
            | Error::InputTooManyValues { .. } => Self::new(Code::TooLarge).detail(detail),
            Error::ResponseTooLarge { .. } => Self::new(Code::ResponseTooLarge).detail(detail),
            Error::Exhausted { source: Exhausted::All, .. } => {
                Self::new(Code::Unavailable).detail(detail).retry_after(BUSY_RETRY_DELAY)
            }
            Error::Exhausted { .. } => Self::new(Code::Busy).detail(detail).retry_after(BUSY_RETRY_DELAY),
            Error::DigestMismatch { .. } => Self::new(Code::DigestMismatch).detail(detail),
            Error::Objects(_) => Self::unavailable(&error, "object storage is unavailable"),
            Error::InvalidLogCursor | Error::InvalidEventCursor => {
                Self::new(Code::InvalidCursor).detail(detail)
            }
            Error::EventsExpired => Self::new(Code::EventsExpired).detail(detail),
            Error::InvalidCursor(_) => Self::new(Code::InvalidCursor),
            Error::TenantSuspended { .. } | Error::TenantArchived { .. } => {
                Self::new(Code::TenantSuspended).detail(detail)
            }
            Error::WorkflowArchived { .. } => Self::new(Code::WorkflowArchived).detail(detail),
            Error::WorkflowInvalid { problems, .. } => {
                with_violations(Code::WorkflowInvalid, detail, problems)
            }
            Error::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Error::KeyInUse => Self::new(Code::IdempotencyInFlight).retry_after(KEY_IN_USE_RETRY_DELAY),
            Error::CreatedObjectDeleted => Self::new(Code::Conflict).detail(detail),
            Error::RunFinished { .. } => Self::new(Code::RunFinished).detail(detail),
            Error::CancellationFixed { .. } => Self::new(Code::CancellationFixed).detail(detail),
            Error::Refused { violations, .. }
            | Error::InvalidTenant { violations, .. }
            | Error::InvalidRule { violations, .. }
            | Error::InvalidRequest { violations, .. } => with_violations(Code::Invalid, detail, violations),
            Error::PermissionsExceeded { .. } | Error::KeyOfAnotherUser { .. } => {
                Self::new(Code::Forbidden).detail(detail)
            }
            Error::LoginReplayed => Self::new(Code::LoginFailed).detail(detail),
            Error::LastOwner { .. } => Self::new(Code::LastOwner).detail(detail),
            Error::UserActive { .. } | Error::TooManyObjects { .. } => {
                Self::new(Code::Conflict).detail(detail)
            }
            Error::TenantState { .. } | Error::TenantNotReady { .. } => {
                Self::new(Code::Conflict).detail(detail)
            }
            Error::InvalidDefinition { violations, .. } => {
                with_violations(Code::WorkflowInvalid, detail, violations)
            }
            Error::AlreadyExists { .. } => Self::new(Code::AlreadyExists).detail(detail),
            Error::Stale { .. } => Self::new(Code::PreconditionFailed).detail(detail),
            Error::ManagedElsewhere { fields, .. } => {
                let violations = fields.into_iter().map(managed_field).collect();
                with_violations(Code::ManagedByGitops, detail, violations)
            }
            Error::PlanLimitReached { .. }
            | Error::UnfinishedRuns(_)
            | Error::WorkflowLimit { .. }
            | Error::DocumentLimit { .. }
            | Error::DocumentStorageFull { .. }
            | Error::UserLimit { .. } => Self::new(Code::PlanLimitReached).detail(detail),
            Error::RunUnfinished | Error::DeletedUnfinished { .. } => {
                Self::new(Code::RunUnfinished).detail(detail)
            }
            Error::RunInUse { .. } => Self::new(Code::RunInUse).detail(detail),
            Error::BulkTimeout => Self::new(Code::Timeout).detail(detail).retry_after(BUSY_RETRY_DELAY),
            Error::BulkRuns(violations) => {
                Self::new(Code::Invalid).errors(violations.into_iter().map(field_error).collect())
            }
            Error::RateExceeded { subject, ref source } => rate_limited(subject, source),
            Error::TooManyMails { seconds, .. } => {
                Self::new(Code::RateLimited).detail(detail).retry_after(Duration::from_secs(seconds))
            }
            Error::WorkflowGone { .. } => Self::new(Code::WorkflowGone).detail(detail),
            Error::NoSuchStep { message } => {
                let (pointer, code) = ("/key".to_owned(), "unknown_step".to_owned());
                with_violations(Code::Invalid, detail, vec![Violation { pointer, code, message }])
            }
            Error::NotWaiting { .. } => Self::new(Code::NotWaiting).detail(detail),
            Error::AlreadyDecided { .. } => Self::new(Code::AlreadyDecided).detail(detail),
            Error::NotAnApprover { .. }
            | Error::PermissionRequired { .. }
            | Error::NotPermitted { .. }
            | Error::NotPermittedForAll { .. }
            | Error::GrantExceedsOwn { .. } => Self::new(Code::Forbidden).detail(detail),
            Error::BuiltInRole { .. } | Error::InUse { .. } | Error::TooManyRules { .. } => {
                Self::new(Code::Conflict).detail(detail)
            }
            Error::Contended { .. } => {
                Self::unavailable(&error, "the object is being changed by other requests")
            }
            Error::InvalidInput(violations) | Error::InvalidDecision(violations) => {
                with_violations(Code::InvalidInput, detail, violations)
            }
            Error::UnknownSteps(violations) => with_violations(Code::Invalid, detail, violations),
            // The api-server lacks a permission, or speaks another version of the API: a retry does not help.
            Error::Kubernetes { source: kube::Error::Api(ref status), .. } if is_defect(status.code) => {
                internal(&error)
            }
            Error::Unaudited { .. } | Error::PictureEncoding(_) => internal(&error),
            Error::Kubernetes { .. } | Error::KubernetesTimeout { .. } => {
                Self::unavailable(&error, "the Kubernetes API is unavailable")
            }
            Error::Store(ref source) => from_store(&error, source),
            Error::Mirror(_) => Self::unavailable(&error, "the change was made but cannot be read yet"),
        }
    }
}

/// Returns whether a status of the Kubernetes API shows a defect of the api-server.
fn is_defect(status: u16) -> bool {
    (400..500).contains(&status) && status != 429
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "request failed because of a defect");
    Problem::new(Code::Internal).retry_after(INTERNAL_RETRY_DELAY)
}

fn from_store(error: &Error, source: &store::Error) -> Problem {
    match source {
        store::Error::Exhausted(Exhausted::Key { limit }) => Problem::new(Code::Busy)
            .detail(format!(
                "{limit} requests of the tenant use the database already: repeat the request later"
            ))
            .retry_after(BUSY_RETRY_DELAY),
        source if !source.is_transient() => internal(error),
        _ => Problem::unavailable(error, "the database is unavailable"),
    }
}

/// Explanations of computations that have no result.
struct ComputeDetails {
    too_many: &'static str,
    no_thread: &'static str,
    too_slow: &'static str,
}

const INPUTS: ComputeDetails = ComputeDetails {
    too_many: "too many requests of this tenant are being validated: repeat this one later",
    no_thread: "the input could not be validated in time: repeat the request later",
    too_slow: "validating the input takes too long: send a smaller input, or simplify the schema",
};
const PICTURES: ComputeDetails = ComputeDetails {
    too_many: "too many images of this tenant are being converted: repeat the request later",
    no_thread: "the image could not be converted in time: repeat the request later",
    too_slow: "converting the image takes too long: send one with fewer pixels",
};

fn from_compute(error: &Error, source: &compute::Error, details: &ComputeDetails) -> Problem {
    match source {
        compute::Error::TooManyWaiting(_) => {
            Problem::new(Code::Busy).detail(details.too_many).retry_after(BUSY_RETRY_DELAY)
        }
        compute::Error::NoThreadInTime(_) | compute::Error::Thread(_) => {
            Problem::unavailable(error, details.no_thread)
        }
        compute::Error::TooSlow(_) => Problem::new(Code::InputTooCostly).detail(details.too_slow),
        compute::Error::Panicked(_) => internal(error),
    }
}

fn with_violations(code: Code, detail: String, violations: Vec<Violation>) -> Problem {
    Problem::new(code).detail(detail).errors(violations.into_iter().map(field_error).collect())
}

fn managed_field(field: ManagedField) -> Violation {
    let message = field.to_string();
    Violation { pointer: field.pointer, code: Code::ManagedByGitops.as_str().to_owned(), message }
}

fn field_error(Violation { pointer, code, message }: Violation) -> FieldError {
    FieldError { pointer, code, message }
}
