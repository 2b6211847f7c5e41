//! The closed list of error codes, which is the stable contract with API clients.

use http::StatusCode;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $status:ident $code:literal $title:literal $action:literal;)*) => {
        /// Machine-readable code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
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

            /// Returns the sentences that explain the code.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim_start(),)*
                }
            }

            /// Returns what the client, or its user, can do about the problem; Markdown with code in backticks.
            #[must_use]
            pub fn action(self) -> &'static str {
                match self {
                    $(Self::$name => $action,)*
                }
            }
        }
    };
}

codes! {
    /// The request cannot be parsed.
    Malformed = BAD_REQUEST "malformed" "Malformed request"
        "Send valid JSON or form data, complete and in UTF-8.";
    /// A query parameter or header has an invalid value.
    InvalidParameter = BAD_REQUEST "invalid_parameter" "Invalid parameter"
        "Correct the parameter or header that `detail` names.";
    /// The operation does not have this query parameter.
    UnknownParameter = BAD_REQUEST "unknown_parameter" "Unknown parameter"
        "Correct or remove the parameter; `detail` lists those that the operation has.";
    /// The cursor was altered or belongs to another list.
    InvalidCursor = BAD_REQUEST "invalid_cursor" "Invalid cursor"
        "Begin with the first page, or use the cursor with the filters and the order that it was returned for.";
    /// The login with a browser has failed.
    LoginFailed = BAD_REQUEST "login_failed" "Login failed"
        "Log in again, in one tab of the browser and within 10 minutes.";
    /// The operation concerns the session of a browser, and the request has a bearer token instead of its cookie.
    SessionRequired = BAD_REQUEST "session_required" "Session required"
        "Send the cookie that a login at `GET /auth/login` sets. A bearer token needs no session and no logout.";
    /// The request has no bearer token.
    Unauthenticated = UNAUTHORIZED "unauthenticated" "Bearer token required"
        "Send `Authorization: Bearer` with a token.";
    /// The bearer token is not valid.
    InvalidToken = UNAUTHORIZED "invalid_token" "Invalid bearer token"
        "Request a new token from the issuer.";
    /// The caller lacks the required permission.
    Forbidden = FORBIDDEN "forbidden" "Permission denied"
        "Ask an administrator for the permission that `detail` names.";
    /// The operation needs a tenant and the token names none.
    TenantRequired = FORBIDDEN "tenant_required" "Token without a tenant"
        "Use a token that names a tenant.";
    /// The tenant that the token names does not exist.
    TenantUnknown = FORBIDDEN "tenant_unknown" "Unknown tenant"
        "Check the tenant in the token; a new tenant is known after a few seconds.";
    /// The token is valid, and its person is not a user of the tenant.
    UserUnknown = FORBIDDEN "user_unknown" "Not a user of the tenant"
        "Ask an administrator of the tenant for an invitation.";
    /// The token of the invitation is unknown, was used or revoked, has expired, or is for another address.
    InvitationInvalid = FORBIDDEN "invitation_invalid" "Invitation is not valid"
        "Ask for a new invitation, and send it with a token that has the invited address.";
    /// The user is deactivated.
    UserDeactivated = FORBIDDEN "user_deactivated" "User is deactivated"
        "Ask an administrator of the tenant to reactivate the user.";
    /// The request has the cookie of a session, and not its token in the header.
    CsrfTokenInvalid = FORBIDDEN "csrf_token_invalid" "CSRF token required"
        "Send the `csrfToken` of `GET /auth/session` as the header `X-CSRF-Token`, from a page of the same server.";
    /// The run is not assigned to the pod that sent the request.
    NotTheHolder = FORBIDDEN "not_the_holder" "Run not assigned to this pod"
        "Nothing: another pod executes the run now.";
    /// The resource or the path does not exist.
    NotFound = NOT_FOUND "not_found" "Resource not found"
        "Check the ID and the tenant of the token. Objects of other tenants are reported like missing ones.";
    /// The path does not support the method.
    MethodNotAllowed = METHOD_NOT_ALLOWED "method_not_allowed" "Method not allowed"
        "Use one of the methods in the header `Allow`.";
    /// The server supports none of the media types that the client accepts.
    NotAcceptable = NOT_ACCEPTABLE "not_acceptable" "Not acceptable"
        "Accept `application/json`.";
    /// The request body was not received in time.
    RequestTimeout = REQUEST_TIMEOUT "request_timeout" "Request body too slow"
        "Repeat the request over a faster connection, or with a smaller body.";
    /// The state of the resource does not allow the operation.
    Conflict = CONFLICT "conflict" "Conflict with the state of the resource"
        "Read the resource again; `detail` says what has to change first.";
    /// An object of this name exists.
    AlreadyExists = CONFLICT "already_exists" "Name is in use"
        "Choose another name, or change the existing object.";
    /// Another tool, such as Argo CD or kubectl, manages fields that the request would change.
    ManagedByGitops = CONFLICT "managed_by_gitops" "Field is managed by another tool"
        "Change the field where it is declared, or remove it there first. `errors` names each field and its manager.";
    /// No issuer is configured for logins with a browser.
    LoginNotConfigured = CONFLICT "login_not_configured" "Login is not configured"
        "Set `clientId` of an issuer in `api.oidc.issuers` of the chart, or use a bearer token.";
    /// The tenant would have no active owner.
    LastOwner = CONFLICT "last_owner" "Last active owner"
        "Make another active user an owner first.";
    /// The run has finished.
    RunFinished = CONFLICT "run_finished" "Run has finished"
        "Nothing: the run has its final state. Start a new run if needed.";
    /// The run has not finished.
    RunUnfinished = CONFLICT "run_unfinished" "Run has not finished"
        "Wait until the run has finished, or cancel it.";
    /// The run is needed by an unfinished run.
    RunInUse = CONFLICT "run_in_use" "Run is in use"
        "Wait until the runs that need it have finished, or cancel them.";
    /// The step does not wait for a decision.
    NotWaiting = CONFLICT "not_waiting" "Step is not waiting for a decision"
        "Read the steps of the run, which show what it waits for.";
    /// The decision was already made.
    AlreadyDecided = CONFLICT "already_decided" "Already decided"
        "Nothing: a decision is final.";
    /// The workflow of the run was deleted.
    WorkflowGone = CONFLICT "workflow_gone" "Workflow was deleted"
        "Create the workflow again, and start a run of it.";
    /// The run is already being cancelled in a way that kills its steps.
    CancellationFixed = CONFLICT "cancellation_fixed" "Already being cancelled with another mode"
        "Nothing: the run is being cancelled.";
    /// The workflow is archived.
    WorkflowArchived = CONFLICT "workflow_archived" "Workflow is archived"
        "Restore the workflow first.";
    /// The tenant has used up a limit of its plan.
    PlanLimitReached = CONFLICT "plan_limit_reached" "Limit of the plan reached"
        "Follow `detail`, which names the limit: delete objects or wait until runs have ended, or change the plan.";
    /// An earlier request with the same idempotency key is still in progress.
    IdempotencyInFlight = CONFLICT "idempotency_in_flight" "Request with this idempotency key is in progress"
        "Repeat the request after the time in `Retry-After`.";
    /// Events after the requested position were deleted.
    EventsExpired = GONE "events_expired" "Events were deleted"
        "Read the objects again, and continue with the newest event.";
    /// The resource was changed since the client read it.
    PreconditionFailed = PRECONDITION_FAILED "precondition_failed" "Resource was changed"
        "Read the resource again, and repeat the change with its new `ETag`.";
    /// The operation requires `If-Match`.
    PreconditionRequired = PRECONDITION_REQUIRED "precondition_required" "If-Match required"
        "Read the resource, and send its `ETag` as `If-Match`.";
    /// The request body is too large.
    TooLarge = PAYLOAD_TOO_LARGE "too_large" "Request body too large"
        "Send a smaller body; `detail` names the limit.";
    /// The media type of the request body is not supported.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "Unsupported media type"
        "Send the media type that the operation documents as `Content-Type`.";
    /// The request body is well formed but its content is not valid.
    Invalid = UNPROCESSABLE_ENTITY "invalid" "Invalid request"
        "Correct the fields in `errors`, or what `detail` describes.";
    /// The workflow has validation errors, so that it is not written, or no run of it started.
    WorkflowInvalid = UNPROCESSABLE_ENTITY "workflow_invalid" "Workflow is not valid"
        "Correct the workflow; `errors` lists all of its problems.";
    /// The input of the run or of the decision does not match its JSON Schema.
    InvalidInput = UNPROCESSABLE_ENTITY "invalid_input" "Input does not match the schema"
        "Correct the input; `errors` has a JSON pointer for each violation.";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY "idempotency_key_reused" "Idempotency key was used for another request"
        "Use a new key for each new request.";
    /// The SHA-256 of the uploaded bytes differs from the announced one.
    DigestMismatch = UNPROCESSABLE_ENTITY "digest_mismatch" "SHA-256 does not match"
        "Send the bytes again.";
    /// The validation of the input takes too long.
    InputTooCostly = UNPROCESSABLE_ENTITY "input_too_costly" "Validation of the input takes too long"
        "Send less input, or simplify the schema of the workflow.";
    /// Too many requests of the tenant are in progress.
    Busy = TOO_MANY_REQUESTS "busy" "Too many requests in progress"
        "Repeat the request after the time in `Retry-After`, and send fewer requests at the same time.";
    /// The tenant is suspended or archived and accepts no writes.
    TenantSuspended = LOCKED "tenant_suspended" "Tenant is suspended or archived"
        "Ask the operator of the platform to resume the tenant. Reading still works.";
    /// The response would be too large.
    ResponseTooLarge = UNPROCESSABLE_ENTITY "response_too_large" "Response too large"
        "Request fewer objects with `limit`.";
    /// The tenant, the user or the address has sent too many requests in a minute.
    RateLimited = TOO_MANY_REQUESTS "rate_limited" "Too many requests"
        "Wait for the time in `Retry-After`. `RateLimit` shows what remains.";
    /// The server has a defect.
    Internal = INTERNAL_SERVER_ERROR "internal" "Internal server error"
        "Report the `requestId` to the operator of the platform.";
    /// Large values cannot be stored because no object storage is configured.
    NoObjectStorage = NOT_IMPLEMENTED "no_object_storage" "No object storage configured"
        "Ask the operator of the platform to configure object storage.";
    /// Documents cannot be searched because no vector database is configured.
    NoVectorDatabase = NOT_IMPLEMENTED "no_vector_database" "No vector database configured"
        "Ask the operator of the platform to configure Qdrant.";
    /// A dependency of the server is unavailable.
    Unavailable = SERVICE_UNAVAILABLE "unavailable" "Service unavailable"
        "Repeat the request after the time in `Retry-After`.";
    /// The request took longer than its time limit.
    Timeout = SERVICE_UNAVAILABLE "timeout" "Request timed out"
        "Repeat the request after the time in `Retry-After`. A repeated write needs an idempotency key.";
}

impl Code {
    /// Returns the code with a name, as it is written in response bodies; `None` if there is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// Returns the URI of the description of the code, which every api-server serves.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/docs/problems#{}", self.as_str())
    }

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
