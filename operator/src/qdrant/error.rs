//! Errors of the vector database.

use qdrant_client::QdrantError;

// Numbers of gRPC status codes (google.rpc.Code).
const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const ALREADY_EXISTS: i32 = 6;
const PERMISSION_DENIED: i32 = 7;
const UNIMPLEMENTED: i32 = 12;
const UNAUTHENTICATED: i32 = 16;

/// A request to the vector database that failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} {name} in Qdrant: {failure}")]
pub(crate) struct VectorError {
    /// Operation that was requested.
    pub(crate) operation: Operation,
    /// Collection or alias.
    pub(crate) name: String,
    /// Reason.
    pub(crate) failure: Failure,
}

/// Reason for which a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The database cannot be reached or does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// The API key is missing or does not permit the request.
    #[error("{0}")]
    Unauthorized(String),
    /// The collection does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The collection exists already.
    #[error("{0}")]
    AlreadyExists(String),
    /// The database refuses the request.
    #[error("{0}")]
    Refused(String),
}

impl From<QdrantError> for Failure {
    fn from(error: QdrantError) -> Self {
        let QdrantError::ResponseError { status } = &error else {
            return Self::Unavailable(error.to_string());
        };
        let message = status.message().to_owned();
        match i32::from(status.code()) {
            NOT_FOUND => Self::NotFound(message),
            ALREADY_EXISTS => Self::AlreadyExists(message),
            PERMISSION_DENIED | UNAUTHENTICATED => Self::Unauthorized(message),
            INVALID_ARGUMENT | UNIMPLEMENTED => Self::Refused(message),
            _ => Self::Unavailable(message),
        }
    }
}

/// Operation that was requested from the vector database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Operation {
    #[strum(to_string = "read the collection")]
    Read,
    #[strum(to_string = "create the collection")]
    Create,
    #[strum(to_string = "change the collection")]
    Update,
    #[strum(to_string = "create the tenant index of")]
    Index,
    #[strum(to_string = "read the aliases for")]
    ReadAliases,
    #[strum(to_string = "point the alias")]
    PointAlias,
    #[strum(to_string = "delete the tenant's points in")]
    DeletePoints,
    #[strum(to_string = "count the tenant's points in")]
    CountPoints,
    #[strum(to_string = "delete the collection")]
    Delete,
}
