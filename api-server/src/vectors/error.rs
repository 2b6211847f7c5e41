//! Errors of requests to Qdrant.

use qdrant_client::QdrantError;

// Numbers of gRPC status codes (google.rpc.Code).
const INVALID_ARGUMENT: i32 = 3;
const NOT_FOUND: i32 = 5;
const ALREADY_EXISTS: i32 = 6;
const PERMISSION_DENIED: i32 = 7;
const FAILED_PRECONDITION: i32 = 9;
const OUT_OF_RANGE: i32 = 11;
const UNIMPLEMENTED: i32 = 12;
const UNAUTHENTICATED: i32 = 16;

/// A request to Qdrant that failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} in collection {collection} of Qdrant")]
pub struct Error {
    /// Operation that was requested.
    pub operation: Operation,
    /// Collection of the tenant.
    pub collection: String,
    /// Reason.
    #[source]
    pub failure: Failure,
}

/// Reason for which a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Qdrant cannot be reached, does not answer in time, or is overloaded.
    #[error("Qdrant is unavailable: {0}")]
    Unavailable(String),
    /// The collection does not exist. The operator creates it.
    #[error("the collection does not exist: {0}")]
    NotFound(String),
    /// Qdrant refuses the request or the API key: a repetition is refused, too, until an administrator changes the configuration.
    #[error("Qdrant refuses the request: {0}")]
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
            INVALID_ARGUMENT | ALREADY_EXISTS | PERMISSION_DENIED | FAILED_PRECONDITION | OUT_OF_RANGE
            | UNIMPLEMENTED | UNAUTHENTICATED => Self::Refused(message),
            _ => Self::Unavailable(message),
        }
    }
}

/// Operation that was requested from Qdrant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum Operation {
    /// Writing points.
    #[strum(to_string = "write points")]
    Upsert,
    /// Changing what searches filter by.
    #[strum(to_string = "change the attributes of points")]
    SetAttributes,
    /// Deleting points.
    #[strum(to_string = "delete points")]
    Delete,
    /// Counting points.
    #[strum(to_string = "count points")]
    Count,
    /// Searching.
    #[strum(to_string = "search")]
    Search,
}
