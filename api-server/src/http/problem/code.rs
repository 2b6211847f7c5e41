//! The closed list of what can go wrong: the stable contract with clients.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $title:literal;)*) => {
        /// What went wrong, in a word that clients may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The HTTP status that goes with the code.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// The code as it stands in a body.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The code in words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    /// The request cannot be read.
    Malformed = BAD_REQUEST "malformed" "The request cannot be read";
    /// A query parameter or header has a value that is not allowed.
    InvalidParameter = BAD_REQUEST "invalid_parameter" "A parameter is not valid";
    /// A query parameter that the operation does not have.
    UnknownParameter = BAD_REQUEST "unknown_parameter" "A parameter is not known";
    /// A cursor that was altered, or is of another list.
    InvalidCursor = BAD_REQUEST "invalid_cursor" "The cursor does not belong to this list";
    /// No token.
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A token is needed";
    /// A token that does not hold.
    InvalidToken = UNAUTHORIZED "invalid_token" "The token is not accepted";
    /// The principal lacks the permission.
    Forbidden = FORBIDDEN "forbidden" "The permission is missing";
    /// The token names no tenant.
    TenantRequired = FORBIDDEN "tenant_required" "The token names no tenant";
    /// The token's tenant is not known here.
    TenantUnknown = FORBIDDEN "tenant_unknown" "The token's tenant is not known";
    /// The pod does not hold the run.
    NotTheHolder = FORBIDDEN "not_the_holder" "The pod does not hold the run";
    /// No such object, or no such path.
    NotFound = NOT_FOUND "not_found" "There is nothing here";
    /// The path has no such method.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "The path does not have this method";
    /// None of the media types that the client accepts can be given.
    NotAcceptable = NOT_ACCEPTABLE "not_acceptable" "No acceptable media type can be given";
    /// The object's state forbids it.
    Conflict = CONFLICT "conflict" "The object's state does not allow this";
    /// The run has ended.
    RunFinished = CONFLICT "run_finished" "The run has ended";
    /// The run has not ended.
    RunUnfinished = CONFLICT "run_unfinished" "The run has not ended";
    /// The step asks for no decision.
    NotWaiting = CONFLICT "not_waiting" "The step does not wait for a decision";
    /// It was decided before.
    AlreadyDecided = CONFLICT "already_decided" "It is decided already";
    /// The workflow is gone.
    WorkflowGone = CONFLICT "workflow_gone" "The workflow is gone";
    /// The run is already being cancelled in another way.
    CancellationFixed = CONFLICT "cancellation_fixed" "The run is already being cancelled in another way";
    /// The workflow is archived.
    WorkflowArchived = CONFLICT "workflow_archived" "The workflow is archived";
    /// The first request with this key has not ended.
    IdempotencyInFlight = CONFLICT "idempotency_in_flight" "The first request with this key has not ended";
    /// The body is too long.
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "The body is too long";
    /// The body's media type is not the one that is read here.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "The body's media type is not read here";
    /// The body is well formed and says something that cannot be.
    Invalid = UNPROCESSABLE_ENTITY "invalid" "The request is not valid";
    /// The run's input breaks the workflow's schema.
    InvalidInput = UNPROCESSABLE_ENTITY "invalid_input" "The input does not fit the schema";
    /// The same idempotency key came with another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency_key_reused" "The key belongs to another request";
    /// The bytes are not those that their SHA-256 promises.
    DigestMismatch = UNPROCESSABLE_ENTITY "digest_mismatch" "The bytes are not those that were promised";
    /// The tenant is suspended or archived.
    TenantSuspended = LOCKED "tenant_suspended" "The tenant accepts no changes";
    /// Something of ours is broken.
    Internal = INTERNAL_SERVER_ERROR "internal" "The server has failed";
    /// Values that are large cannot be kept: no object storage is configured.
    NoObjectStorage = NOT_IMPLEMENTED "no_object_storage" "No object storage is configured";
    /// Something that the server needs is down.
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "The server cannot do this now";
    /// The answer took too long.
    Timeout = SERVICE_UNAVAILABLE "timeout" "The answer took too long";
}

impl Code {
    /// The code that says no more than a status does, for answers that some library made.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let known = [
            Self::NotFound,
            Self::MethodNotAllowed,
            Self::NotAcceptable,
            Self::TooLarge,
            Self::UnsupportedMediaType,
            Self::Invalid,
            Self::Conflict,
            Self::Unauthenticated,
            Self::Forbidden,
            Self::Unavailable,
        ];
        let fallback = if status.is_server_error() { Self::Internal } else { Self::Malformed };
        known.into_iter().find(|code| code.status() == status).unwrap_or(fallback)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Two problems cannot be told apart by a client.
    #[test]
    fn every_code_is_a_word_of_its_own() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
