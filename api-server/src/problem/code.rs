//! The closed list of error codes, which is the stable contract with API clients.

use http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $title:literal;)*) => {
        /// Machine-readable code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the HTTP status of the code.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// Returns the code as it is written in response bodies.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Returns the human-readable title of the code.
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
    /// The request cannot be parsed.
    Malformed = BAD_REQUEST "malformed" "Malformed request";
    /// A query parameter or header has an invalid value.
    InvalidParameter = BAD_REQUEST "invalid_parameter" "Invalid parameter";
    /// The operation does not have this query parameter.
    UnknownParameter = BAD_REQUEST "unknown_parameter" "Unknown parameter";
    /// The cursor was altered or belongs to another list.
    InvalidCursor = BAD_REQUEST "invalid_cursor" "Invalid cursor";
    /// The request has no bearer token.
    Unauthenticated = UNAUTHORIZED "unauthenticated" "Bearer token required";
    /// The bearer token is not valid.
    InvalidToken = UNAUTHORIZED "invalid_token" "Invalid bearer token";
    /// The caller lacks the required permission.
    Forbidden = FORBIDDEN "forbidden" "Permission denied";
    /// The operation needs a tenant and the token names none.
    TenantRequired = FORBIDDEN "tenant_required" "Token without a tenant";
    /// The tenant that the token names does not exist.
    TenantUnknown = FORBIDDEN "tenant_unknown" "Unknown tenant";
    /// The run is not assigned to the pod that sent the request.
    NotTheHolder = FORBIDDEN "not_the_holder" "Run not assigned to this pod";
    /// The resource or the path does not exist.
    NotFound = NOT_FOUND "not_found" "Resource not found";
    /// The path does not support the method.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "Method not allowed";
    /// The server supports none of the media types that the client accepts.
    NotAcceptable = NOT_ACCEPTABLE "not_acceptable" "Not acceptable";
    /// The state of the resource does not allow the operation.
    Conflict = CONFLICT "conflict" "Conflict with the state of the resource";
    /// The run has finished.
    RunFinished = CONFLICT "run_finished" "Run has finished";
    /// The run has not finished.
    RunUnfinished = CONFLICT "run_unfinished" "Run has not finished";
    /// The step does not wait for a decision.
    NotWaiting = CONFLICT "not_waiting" "Step is not waiting for a decision";
    /// The decision was already made.
    AlreadyDecided = CONFLICT "already_decided" "Already decided";
    /// The workflow of the run was deleted.
    WorkflowGone = CONFLICT "workflow_gone" "Workflow was deleted";
    /// The run is already being cancelled in a way that kills its steps.
    CancellationFixed = CONFLICT "cancellation_fixed" "Already being cancelled with another mode";
    /// The workflow is archived.
    WorkflowArchived = CONFLICT "workflow_archived" "Workflow is archived";
    /// The tenant has used up a limit of its plan.
    PlanLimitReached = CONFLICT "plan_limit_reached" "Limit of the plan reached";
    /// An earlier request with the same idempotency key is still in progress.
    IdempotencyInFlight = CONFLICT "idempotency_in_flight" "Request with this idempotency key is in progress";
    /// The request body is too large.
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "Request body too large";
    /// The media type of the request body is not supported.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "Unsupported media type";
    /// The request body is well formed but its content is not valid.
    Invalid = UNPROCESSABLE_ENTITY "invalid" "Invalid request";
    /// The workflow has validation errors, so that no run of it can be started.
    WorkflowInvalid = UNPROCESSABLE_ENTITY "workflow_invalid" "Workflow is not valid";
    /// The input of the run or of the decision does not match its JSON Schema.
    InvalidInput = UNPROCESSABLE_ENTITY "invalid_input" "Input does not match the schema";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency_key_reused" "Idempotency key was used for another request";
    /// The SHA-256 of the uploaded bytes differs from the announced one.
    DigestMismatch = UNPROCESSABLE_ENTITY "digest_mismatch" "SHA-256 does not match";
    /// The validation of the input takes too long.
    InputTooCostly = UNPROCESSABLE_ENTITY "input_too_costly" "Validation of the input takes too long";
    /// Too many requests of the tenant are in progress.
    Busy = TOO_MANY_REQUESTS "busy" "Too many requests in progress";
    /// The tenant is suspended or archived and accepts no writes.
    TenantSuspended = LOCKED "tenant_suspended" "Tenant is suspended or archived";
    /// The response would be too large.
    ResponseTooLarge = UNPROCESSABLE_ENTITY "response_too_large" "Response too large";
    /// The tenant, the user or the address has sent too many requests in a minute.
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many requests";
    /// The server has a defect.
    Internal = INTERNAL_SERVER_ERROR "internal" "Internal server error";
    /// Large values cannot be stored because no object storage is configured.
    NoObjectStorage = NOT_IMPLEMENTED "no_object_storage" "No object storage configured";
    /// A dependency of the server is unavailable.
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "Service unavailable";
    /// The request took longer than its time limit.
    Timeout = SERVICE_UNAVAILABLE "timeout" "Request timed out";
}

impl Code {
    /// Returns the code for a status alone, for responses that a library made.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
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

    /// Clients can distinguish all problems by their code.
    #[test]
    fn all_codes_are_distinct() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
    }
}
