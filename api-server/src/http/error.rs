//! What goes wrong in a use case, as a problem.

use axum::http::{HeaderValue, header};

use super::{
    authorize::unavailable,
    problem::{Code, FieldError, Problem},
};
use crate::app::{Error, Violation};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound => Self::new(Code::NotFound),
            Error::NoObjectStorage => Self::new(Code::NoObjectStorage).detail(detail),
            Error::OutputTooLarge { .. } | Error::TooManyLines { .. } => {
                Self::new(Code::TooLarge).detail(detail)
            }
            Error::DigestMismatch { .. } => Self::new(Code::DigestMismatch).detail(detail),
            Error::Objects(_) => unavailable(&error, "object storage does not answer"),
            Error::InvalidLogCursor => Self::new(Code::InvalidCursor).detail(detail),
            Error::InvalidCursor(_) => Self::new(Code::InvalidCursor),
            Error::TenantSuspended { .. } => Self::new(Code::TenantSuspended).detail(detail),
            Error::WorkflowArchived { .. } => Self::new(Code::WorkflowArchived).detail(detail),
            Error::InputTooLarge { .. } => Self::new(Code::TooLarge).detail(detail),
            Error::KeyReused => Self::new(Code::IdempotencyKeyReused),
            Error::RunFinished { .. } => Self::new(Code::RunFinished).detail(detail),
            Error::CancellationFixed { .. } => Self::new(Code::CancellationFixed).detail(detail),
            Error::Refused { .. } => Self::new(Code::Invalid).detail(detail),
            Error::RunUnfinished => Self::new(Code::RunUnfinished).detail(detail),
            Error::WorkflowGone { .. } => Self::new(Code::WorkflowGone).detail(detail),
            Error::NoSuchStep { .. } => Self::new(Code::NotFound).detail(detail),
            Error::NotWaiting { .. } => Self::new(Code::NotWaiting).detail(detail),
            Error::AlreadyDecided { .. } => Self::new(Code::AlreadyDecided).detail(detail),
            Error::NotAsked { .. } => Self::new(Code::Forbidden).detail(detail),
            Error::Contended { .. } => unavailable(&error, "the run changes too fast"),
            Error::InvalidInput(violations) | Error::InvalidDecision(violations) => {
                listed(Code::InvalidInput, detail, violations)
            }
            Error::UnknownSteps(violations) => listed(Code::Invalid, detail, violations),
            // We lack a right, or speak another version: coming again does not help.
            Error::Kubernetes { source: kube::Error::Api(ref status), .. } if is_our_fault(status.code) => {
                internal(&error)
            }
            Error::Kubernetes { .. } | Error::KubernetesSlow { .. } => {
                unavailable(&error, "Kubernetes does not answer")
            }
            Error::Store(ref store) if !store.is_transient() => internal(&error),
            Error::Store(_) => unavailable(&error, "the database does not answer"),
            Error::Mirror(_) => unavailable(&error, "what was written cannot be read yet"),
        }
    }
}

fn is_our_fault(status: u16) -> bool {
    (400..500).contains(&status) && status != 429
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error, "a request has failed");
    Problem::new(Code::Internal).header(header::RETRY_AFTER, HeaderValue::from_static("60"))
}

fn listed(code: Code, detail: String, violations: Vec<Violation>) -> Problem {
    Problem::new(code).detail(detail).errors(violations.into_iter().map(field_error).collect())
}

fn field_error(Violation { pointer, code, message }: Violation) -> FieldError {
    FieldError { pointer, code, message }
}
